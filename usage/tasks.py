"""What usage does by the clock: prices that were set to begin later reach the lists when they begin, and people are
told when a budget nears its end, and what was kept goes when its time is over: content, and calls of the live tail."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from tenants.scope import everything
from usage.bodies.enforcing import enforce
from usage.limits.warning import warn
from usage.prices import bring_to_lists
from usage.tail.watching import forget


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


@shared_task(name="usage.forget_live_calls")
@everything("calls of the live tail are forgotten in every tenant")
def forget_live_calls() -> int:
    """Delete calls of the live tail that have ended or whose process is gone."""
    return forget()
