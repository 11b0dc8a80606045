"""What ends when a project moves to another tenant: its limits and budgets, which the other tenant sets as it likes."""

from __future__ import annotations

from django.db.models import Q

from approvals.delegation.standing import standing
from approvals.delegation.tables import Mode
from refusals.errors import Conflict
from tenants.models import Project, Tenant, User
from tenants.moving import Ending
from usage.limits.authority import ABOVE
from usage.limits.budgets import remove_budget
from usage.limits.delegated import LIMITS
from usage.limits.places import WITH_PLACES, place_of
from usage.limits.setting import set_limits
from usage.limits.tables import Budget, Limit, Metric


class BoundsSetAbove(Conflict):
    code = "bounds_set_above"
    title = "The platform decides on its limits"


def _within(project: Project) -> Q:
    return Q(project=project) | Q(environment__project=project) | Q(key__environment__project=project)


def told(project: Project) -> list[str]:
    limits, budgets = (rows.filter(_within(project)).count() for rows in (Limit.objects, Budget.objects))
    counted = [f"{n} {noun}{'s' if n > 1 else ''}" for n, noun in ((limits, "limit"), (budgets, "budget")) if n]
    if not counted:
        return []
    return [f"{' and '.join(counted)} of the project, its environments and keys; the other tenant sets its own."]


def refuse_losing(project: Project, to: Tenant, by: User) -> None:
    """Raise `BoundsSetAbove` where somebody would lose limits or budgets of `project` by moving it that they may not
    take away where it is."""
    who = standing(LIMITS, project.tenant)
    if who.mode == Mode.TENANT or by.has_perm(ABOVE):
        return
    if any(rows.filter(_within(project)).exists() for rows in (Limit.objects, Budget.objects)):
        raise BoundsSetAbove(
            f"{project} has limits or budgets, which end with a move, and {project.tenant} is not left to take them"
            f" away: {who.sentence} Have the platform team move it.",
            field="to",
        )


def lock(project: Project) -> None:
    """Both kinds of rows, in the order of their keys."""
    for rows in (Limit.objects, Budget.objects):
        list(rows.filter(_within(project)).select_for_update(of=("self",), no_key=True).order_by("pk"))


def end(project: Project, why: str, by: User) -> None:
    for budget in Budget.objects.filter(_within(project)).select_related(*WITH_PLACES):
        remove_budget(place=place_of(budget), span=budget.span, by=by)
    places = {
        place.id: place for place in map(place_of, Limit.objects.filter(_within(project)).select_related(*WITH_PLACES))
    }
    for place in places.values():
        set_limits(place=place, amounts=dict.fromkeys(Metric.values), by=by)


BOUNDS = Ending(told, lock, end)
