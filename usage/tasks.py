"""What usage does by the clock: prices that were set to begin later reach the lists when they begin, and people are
told when a budget nears its end."""

from __future__ import annotations

from celery import shared_task

from usage.limits.warning import warn
from usage.prices import bring_to_lists


@shared_task(name="usage.bring_prices_to_lists")
def bring_prices_to_lists() -> int:
    """Bring prices that have begun to the lists of models."""
    return bring_to_lists()


@shared_task(name="usage.warn_of_budgets")
def warn_of_budgets() -> int:
    """Tell people of the percentages of budgets that were crossed."""
    return warn()
