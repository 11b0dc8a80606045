"""The table of a tenant's limits and budgets: every place with what applies there and how its budgets stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenants.models import Tenant
from tenants.scoping import Place as Row
from usage.limits.effective import Effective, effective, held_limits
from usage.limits.places import WITH_PLACES, Place, place_of, places_of
from usage.limits.spending import Spending, spending
from usage.limits.tables import Budget


@dataclass(frozen=True, slots=True)
class Line:
    """One place: what applies (in the order of the metrics) and its own budgets."""

    place: Place
    limits: list[Effective]
    budgets: list[Spending]

    @property
    def exceeding(self) -> list[Effective]:
        """What is set here and does not apply, because something above allows less."""
        return [each for each in self.limits if each.own is not None and not each.is_own]

    @property
    def is_bare(self) -> bool:
        """Nothing is set here."""
        return not self.budgets and all(each.own is None for each in self.limits)


def table(tenant: Tenant, *, spent: Callable[[Row], bool]) -> list[Line]:
    """A line for the tenant, each of its projects and environments, and each key that has something of its own.

    `spent` says where the reader may see what was spent; elsewhere budgets are left out. Four queries.
    """
    held = held_limits(tenant.pk)
    rows = Budget.objects.filter(tenant=tenant).select_related(*WITH_PLACES)
    budgets = [budget for budget in rows.order_by("span") if spent(place_of(budget).row)]
    standing = spending(budgets)
    keys = {*held, *(budget.key_id for budget in budgets if budget.key_id)}
    found: dict[object, list[Spending]] = {}
    for budget in budgets:
        found.setdefault(budget.attached_to, []).append(standing[budget.pk])
    return [Line(place, effective(place, held), found.get(place.id, [])) for place in places_of(tenant, keys)]


def line(place: Place, *, spent: bool) -> Line:
    """The same for one place."""
    budgets = list(Budget.objects.filter(**place.attached).select_related("key").order_by("span")) if spent else []
    standing = spending(budgets)
    limits = effective(place, held_limits(place.tenant.pk))
    return Line(place, limits, [standing[budget.pk] for budget in budgets])
