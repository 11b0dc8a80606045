"""A key that takes another's place is held to the same limits and budgets, and both spend a budget together
(`usage.limits.spending`): replacing it is no way around them."""

from __future__ import annotations

from typing import Any

from tenants.key_rotation import rotated
from tenants.models import ApiKey
from usage.limits.budgets import set_budget
from usage.limits.places import of_key
from usage.limits.setting import limits_at, set_limits
from usage.limits.tables import Budget, BudgetWarning


def listen() -> None:
    """Hear of keys that were replaced; called once the apps are ready."""
    rotated.connect(_take_over, sender=ApiKey, dispatch_uid="usage.limits.succeeding")


def _take_over(sender: type[ApiKey], old: ApiKey, new: ApiKey, by: Any, **signal: Any) -> None:
    place, before = of_key(new), of_key(old)
    if amounts := limits_at(before):
        set_limits(place=place, amounts=amounts, by=by)
    for budget in Budget.objects.filter(**before.attached):
        its = set_budget(
            place=place, amount=budget.amount, span=budget.span, is_hard=budget.is_hard, warnings=budget.warn_at, by=by
        )
        for told in BudgetWarning.objects.filter(budget=budget):  # they spend together: people know already
            told.pk, told.budget = None, its
            told.save(force_insert=True)
