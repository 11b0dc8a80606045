"""Slices of hard budgets for gateway processes, handed out to one at a time: the budget's row is locked meanwhile, and
of several budgets in one order.

Of one period, what the ledger holds and what is leased is together never more than the budget, so whoever spends only
what is leased to them never goes beyond it, however many they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from usage.limits.spending import spending
from usage.limits.tables import Budget, BudgetLease

type Period = tuple[UUID, dt.date]  # a budget, and the first day of one of its periods


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


def standings_of(periods: Collection[Period], holder: str) -> dict[Period, tuple[Budget, Standing]]:
    """Lock the budgets of `periods` and tell how each stands for `holder` in its period; without those that are no hard
    ones any more, whose leases end.

    Must be called inside a transaction, which `lease` ends. Statements do not grow with the periods, but for one for
    each tenant.
    """
    rows = Budget.objects.select_for_update(of=("self",), no_key=True).select_related("key").order_by("pk")
    budgets = {budget.pk: budget for budget in rows.filter(pk__in={pk for pk, _ in periods}, is_hard=True)}
    if gone := [period for period in periods if period[0] not in budgets]:
        BudgetLease.objects.filter(_any_of(gone), holder=holder).delete()
    standing = [period for period in periods if period[0] in budgets]
    begins = {day for _, day in standing}
    leased = BudgetLease.objects.filter(budget__in=budgets, begins__in=begins).exclude(holder=holder).order_by()
    sums = leased.values("budget", "begins").annotate(sum=Sum("amount"))
    elsewhere: dict[Period, Decimal] = {(each["budget"], each["begins"]): each["sum"] for each in sums}
    told: dict[Period, tuple[Budget, Standing]] = {}
    for day in begins:
        spent = spending([budgets[pk] for pk, begun in standing if begun == day], day)
        for pk, each in spent.items():
            left = elsewhere.get((pk, day), Decimal(0))
            told[pk, day] = each.budget, Standing(each.budget.amount, each.spent, left)
    return told


def lease(holder: str, amounts: Mapping[Period, tuple[Budget, Decimal]]) -> None:
    """Write down how much `holder` has leased in each period (nothing: the lease ends); inside the transaction of
    `standings_of`."""
    if ended := [period for period, (_, amount) in amounts.items() if not amount]:
        BudgetLease.objects.filter(_any_of(ended), holder=holder).delete()
    now = timezone.now()
    rows = [
        BudgetLease(
            budget=budget, tenant_id=budget.tenant_id, begins=begins, holder=holder, amount=amount, changed_at=now
        )
        for (_, begins), (budget, amount) in amounts.items()
        if amount
    ]
    BudgetLease.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["budget", "begins", "holder"],
        update_fields=["tenant", "amount", "changed_at"],
    )


def _any_of(periods: Iterable[Period]) -> Q:
    return reduce(or_, (Q(budget=budget, begins=begins) for budget, begins in periods))


@transaction.atomic
def end_leases(holder: str) -> None:
    """All of `holder`'s leases end: the ledger has everything that it spent."""
    BudgetLease.objects.filter(holder=holder).delete()
