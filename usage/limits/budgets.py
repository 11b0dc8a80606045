"""Set and remove budgets: how much money a place may spend in a period of the calendar (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Invalid, Missing
from tenants.changes import announce
from usage.limits.places import Place
from usage.limits.setting import lock
from usage.limits.tables import Budget, Span, warn_at

LARGEST_BUDGET = Decimal(100_000_000_000)
MOST_WARNINGS = 6


class BudgetNotAcceptable(Invalid):
    code = "budget_not_acceptable"


@transaction.atomic
def set_budget(
    *,
    place: Place,
    amount: Decimal,
    span: str = Span.MONTH,
    is_hard: bool = False,
    warnings: Sequence[int] | None = None,
    by: Any,
) -> Budget:
    """Give `place` a budget of `amount` in `settings.CURRENCY` for each `span`, in place of the one it has for it.

    `warnings`: percentages of it at which people are told (None: as before, or the usual ones). In force in every
    gateway process within a second; what was spent in the period counts. Raises `BudgetNotAcceptable`.
    """
    chosen = None if warnings is None else sorted(set(warnings))
    if not amount.is_finite() or not 0 <= amount <= LARGEST_BUDGET:
        raise BudgetNotAcceptable(f"Use an amount from 0 to {LARGEST_BUDGET:,}.", field="amount")
    if chosen is not None and (len(chosen) > MOST_WARNINGS or not all(1 <= percent <= 100 for percent in chosen)):
        raise BudgetNotAcceptable(f"Give at most {MOST_WARNINGS} percentages from 1 to 100.", field="warn_at")
    lock(place)
    held = Budget.objects.filter(**place.attached, span=span).first()
    before = told(held) if held else None
    budget = held or Budget(**place.attached, span=span, warn_at=warn_at())
    budget.amount, budget.is_hard, budget.currency = amount, is_hard, settings.CURRENCY
    if chosen is not None:
        budget.warn_at = chosen
    if before == told(budget):
        return budget
    budget.set_at, budget.set_by = timezone.now(), by if getattr(by, "pk", None) else None
    budget.save()
    record(
        "budget.set", by=by, subject=budget, tenant=place.tenant.slug, place=place.path, before=before,
        after=told(budget),
    )  # fmt: skip
    announce("limit", place.id)
    return budget


@transaction.atomic
def remove_budget(*, place: Place, span: str, by: Any) -> None:
    """Take away the budget that `place` has for `span`. Raises `Missing`."""
    lock(place)
    budget = Budget.objects.filter(**place.attached, span=span).first()
    if budget is None:
        raise Missing(f"{place.path} has no budget for {Span(span).label.lower()}.")
    record("budget.removed", by=by, subject=budget, tenant=place.tenant.slug, place=place.path, before=told(budget))
    budget.delete()
    announce("limit", place.id)


def ends_stop(place: Place, span: str, *, is_hard: bool) -> bool:
    """Whether a budget for `span` would stop no calls any more (`is_hard` not) where the one that `place` has does."""
    return not is_hard and Budget.objects.filter(**place.attached, span=span, is_hard=True).exists()


def told(budget: Budget) -> dict[str, Any]:
    """A budget as the audit keeps it."""
    return {
        "span": str(budget.span),
        "amount": f"{budget.amount.normalize():f}",
        "currency": budget.currency,
        "is_hard": budget.is_hard,
        "warn_at": list(budget.warn_at),
    }
