"""The limits and budgets of the demonstration's teams: some that apply, one that something above makes moot."""

from __future__ import annotations

from decimal import Decimal

from audit.record import Actor
from tenants.models import Environment
from usage.limits.budgets import set_budget
from usage.limits.places import Place, of_environment, of_project, of_tenant
from usage.limits.setting import set_limits

LIMITS = {
    "retail-banking/branch-assistant": {"requests": 600},
    "retail-banking/branch-assistant/production": {"requests": 1000, "concurrent": 10},
    "retail-banking/card-support/production": {"requests": 1200, "tokens": 400_000},
    "claims": {"requests": 1500, "tokens": 1_000_000, "concurrent": 40},
    "research": {"requests": 600, "tokens": 300_000, "concurrent": 20},
}
BUDGETS = (  # where, how much a month, whether it stops
    ("retail-banking", "8", False),
    ("retail-banking/card-support/production", "0.5", True),
    ("claims", "10", False),
    ("research", "15", False),
)


def create(environments: dict[str, Environment], *, by: Actor) -> None:
    """Set them."""
    for path, amounts in LIMITS.items():
        set_limits(place=_place(path, environments), amounts=amounts, by=by)
    for path, amount, is_hard in BUDGETS:
        set_budget(place=_place(path, environments), amount=Decimal(amount), is_hard=is_hard, by=by)


def _place(path: str, environments: dict[str, Environment]) -> Place:
    if path in environments:
        return of_environment(environments[path])
    inside = next(environment for name, environment in environments.items() if name.startswith(f"{path}/"))
    return of_project(inside.project) if "/" in path else of_tenant(inside.tenant)
