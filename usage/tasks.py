"""What usage does by the clock: prices that were set to begin later reach the lists when they begin, and people are
told when a budget nears its end, and content that was kept goes when its time is over."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from usage.bodies.enforcing import enforce
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


@shared_task(name="usage.enforce_retention")
def enforce_retention(tenant: str | None = None) -> int:
    """Erase content that may not be kept any longer, of one tenant or of all."""
    return enforce(UUID(tenant) if tenant else None)
