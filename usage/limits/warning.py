"""Tell people when a budget nears its end: each percentage once in a period."""

from __future__ import annotations

from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.record import SYSTEM, record
from tenants.models import ApiKey
from tenants.notifications import notify
from tenants.scope import everything, only
from tenants.scoping import members_who_may
from ui.formatting import money
from usage.limits.places import WITH_PLACES, place_of
from usage.limits.spending import Spending, spending
from usage.limits.tables import Budget, BudgetWarning

AT_ONCE = 200


@everything("budgets of every tenant are looked at")
def warn() -> int:
    """Look at every budget of tenants that are not archived, and of keys that work, and tell what was crossed; how many
    were told of."""
    told = 0
    rows = Budget.objects.filter(Q(key=None) | Q(key__in=ApiKey.objects.usable()), tenant__archived_at=None)
    keys = list(rows.order_by("tenant", "pk").values_list("pk", flat=True))
    for some in batched(keys, AT_ONCE):
        budgets = Budget.objects.filter(pk__in=some).select_related(*WITH_PLACES)
        for standing in spending(budgets).values():
            told += _tell(standing)
    return told


def _tell(standing: Spending) -> int:
    """The highest percentage that was crossed is told; lower ones that were jumped over are marked as told."""
    budget = standing.budget
    crossed = [percent for percent in budget.warn_at if standing.percent >= percent]
    if not crossed or (standing.spent == 0 and budget.amount == 0):
        return 0
    with only(budget.tenant, because="a budget is warned about"), transaction.atomic():
        fresh = [percent for percent in crossed if _mark(standing, percent)]
        if not fresh or fresh[-1] != crossed[-1]:
            return 0
        place = place_of(budget)
        span = {"day": "today", "week": "this week", "month": "this month"}.get(budget.span, f"this {budget.span}")
        spent, amount = money(standing.spent, budget.currency), money(budget.amount, budget.currency)
        after = (
            "Calls that cost something are refused until it begins again or is raised." if budget.is_hard
            else "It warns and stops nothing."
        )  # fmt: skip
        record(
            "budget.warned", by=SYSTEM, subject=place.row, tenant=budget.tenant.slug, place=place.path,
            percent=fresh[-1], span=budget.span, spent=standing.spent, amount=budget.amount, currency=budget.currency,
        )  # fmt: skip
        ended = f"{after} " if standing.left <= 0 else ""
        notify(
            set(members_who_may("tenants.manage_tenant", place.row)) | _who_set(budget, place.row),
            kind="limits",
            title=f"{fresh[-1]} % of the budget of {place.words} is spent",
            body=f"{spent} of {amount} {span}. {ended}The next period begins on {standing.ends:%-d %B %Y}.",
            path=f"/tenants/{budget.tenant.slug}/limits/",
            tenant=budget.tenant,
        )
    return 1


def _mark(standing: Spending, percent: int) -> bool:
    """Write down that `percent` is told of in this period; False where it was before."""
    values: dict[str, Any] = {"tenant": standing.budget.tenant, "spent": standing.spent, "at": timezone.now()}
    _, is_new = BudgetWarning.objects.get_or_create(
        budget=standing.budget, begins=standing.begins, percent=percent, defaults=values
    )
    return is_new


def _who_set(budget: Budget, row: Any) -> set[Any]:
    """Who set it, while they may still see what is spent there."""
    setter = budget.set_by
    seen = setter is not None and setter.is_active and members_who_may("tenants.view_usage", row).filter(
        pk=setter.pk
    ).exists()  # fmt: skip
    return {setter} if seen else set()
