"""Slices of hard budgets for gateway processes, handed out one at a time: the budget's row is locked meanwhile.

Of one period, what the ledger holds and what is leased is together never more than the budget, so whoever spends only
what is leased to them never goes beyond it, however many they are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from usage.limits.spending import spending
from usage.limits.tables import Budget, BudgetLease


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in a period: what the ledger holds of it, and what others have leased."""

    amount: Decimal
    spent: Decimal
    elsewhere: Decimal

    @property
    def available(self) -> Decimal:
        """What one holder may have altogether; never negative."""
        return max(self.amount - self.spent - self.elsewhere, Decimal(0))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a holder asks for: at least `least` (it is promised to calls already), at most `most` of what is available,
    and of that no more than `least`, what waits, and a share of the rest."""

    least: Decimal
    waiting: Decimal
    share: Decimal

    def of(self, standing: Standing) -> Decimal:
        rest = max(standing.available - self.least - self.waiting, Decimal(0))
        return max(self.least, min(standing.available, self.least + self.waiting + rest * self.share))


def standing_of(budget_id: UUID, begins: dt.date, holder: str) -> tuple[Budget, Standing] | None:
    """Lock a budget and tell how it stands for `holder`; None where there is no such hard budget any more.

    Must be called inside a transaction, which `lease` ends.
    """
    rows = Budget.objects.select_for_update(of=("self",), no_key=True).select_related("key")
    budget = rows.filter(pk=budget_id, is_hard=True).first()
    if budget is None:
        BudgetLease.objects.filter(budget=budget_id, begins=begins, holder=holder).delete()
        return None
    leased = BudgetLease.objects.filter(budget=budget, begins=begins).exclude(holder=holder)
    elsewhere = leased.aggregate(sum=Sum("amount", default=Decimal(0)))["sum"]
    spent = spending([budget], begins)[budget.pk].spent
    return budget, Standing(budget.amount, spent, elsewhere)


def lease(budget: Budget, begins: dt.date, holder: str, amount: Decimal) -> None:
    """Write down that `holder` has leased `amount` (nothing: the lease ends); inside `standing_of`'s transaction."""
    row: dict[str, Any] = {"budget": budget, "begins": begins, "holder": holder}
    if not amount:
        BudgetLease.objects.filter(**row).delete()
        return
    values = {"tenant_id": budget.tenant_id, "amount": amount, "changed_at": timezone.now()}
    BudgetLease.objects.update_or_create(**row, defaults=values)


@transaction.atomic
def end_leases(holder: str) -> None:
    """All of `holder`'s leases end: the ledger has everything that it spent."""
    BudgetLease.objects.filter(holder=holder).delete()
