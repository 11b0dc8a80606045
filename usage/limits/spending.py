"""What was spent of budgets in the period that is under way, read from the totals of days."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.utils import timezone

from tenants.models import ApiKey
from usage.limits.tables import Budget, Span
from usage.models import Rollup


@dataclass(frozen=True)
class Spending:
    """A budget in its period: from `begins` until (not including) `ends`, and what was spent in it so far."""

    budget: Budget
    begins: dt.date
    ends: dt.date
    spent: Decimal

    @property
    def left(self) -> Decimal:
        """What may still be spent; never negative."""
        return max(self.budget.amount - self.spent, Decimal(0))

    @property
    def share(self) -> Decimal:
        """What was spent as a part of it, above 1 when it was overspent; of a budget of nothing it is all."""
        return self.spent / self.budget.amount if self.budget.amount else Decimal(1)

    @property
    def percent(self) -> int:
        """The whole percentages that are spent."""
        return int(self.share * 100)

    @property
    def tone(self) -> str:
        """`bad` when nothing is left, `warn` from four fifths on, else `good`."""
        return "bad" if self.left <= 0 else "warn" if self.percent >= 80 else "good"


def spending(budgets: Iterable[Budget], today: dt.date | None = None) -> dict[Any, Spending]:
    """How `budgets` stand, by their keys; those of one tenant are read with one query."""
    today = today or timezone.now().date()
    by_tenant: dict[Any, list[Budget]] = defaultdict(list)
    for budget in budgets:
        by_tenant[budget.tenant_id].append(budget)
    return {key: told for held in by_tenant.values() for key, told in _of_one_tenant(held, today).items()}


def _of_one_tenant(budgets: list[Budget], today: dt.date) -> dict[Any, Spending]:
    begun = {budget.pk: Span(budget.span).begins(today) for budget in budgets}
    alike = _successions(budgets)
    sums: dict[str, Sum] = {
        f"spent_{number}": Sum("cost", filter=_counted(budget, today, alike), default=Decimal(0))
        for number, budget in enumerate(budgets)
    }
    rows = Rollup.objects.filter(tenant=budgets[0].tenant_id, day__gte=min(begun.values())).order_by()
    found = rows.aggregate(**sums)
    return {
        budget.pk: Spending(budget, begun[budget.pk], Span(budget.span).ends(today), found[f"spent_{number}"])
        for number, budget in enumerate(budgets)
    }


def _successions(budgets: list[Budget]) -> dict[UUID, list[str]]:
    """The prefixes of all keys that took each other's place (`tenants.key_rotation`), by the key of each of them: they
    spend together, or each replacing would begin a budget anew."""
    places = {budget.key.environment_id for budget in budgets if budget.key is not None}
    if not places:
        return {}
    rows = ApiKey.objects.filter(Q(replaces__isnull=False) | Q(successors__isnull=False), environment__in=places)
    found = {pk: (replaces, prefix) for pk, replaces, prefix in rows.values_list("pk", "replaces", "prefix")}
    alike: dict[UUID, list[str]] = defaultdict(list)
    for pk, (_, prefix) in found.items():
        alike[_first(pk, found)].append(prefix)
    return {pk: alike[_first(pk, found)] for pk in found}


def _first(key: UUID, found: Mapping[UUID, tuple[UUID | None, str]]) -> UUID:
    while key in found and (before := found[key][0]) is not None:
        key = before
    return key


def _counted(budget: Budget, today: dt.date, alike: Mapping[UUID, list[str]]) -> Q:
    """The totals that count against `budget` in the period that `today` is in."""
    span = Span(budget.span)
    where = Q(day__gte=span.begins(today), day__lt=span.ends(today), currency=budget.currency)
    if budget.project_id:
        where &= Q(project=budget.project_id)
    elif budget.environment_id:
        where &= Q(environment=budget.environment_id)
    elif budget.key_id and budget.key is not None:
        where &= Q(key_prefix__in=alike.get(budget.key_id, [budget.key.prefix]))
    return where
