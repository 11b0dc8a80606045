"""What the end of a model version means for access: nobody is given a retired model, and who holds an ending one is
told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from access.models import Grant
from catalog.lifecycle.behind import life_behind
from catalog.lifecycle.states import ENDING, Lifecycle
from catalog.models import LifecycleStep, Route, RouteTarget
from refusals.errors import Conflict
from tenants.delegation import MANAGE_MEMBERS
from tenants.models import User
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may

# Of a version that came to the key, another goes on beside it that is in none of these.
_NO_FURTHER_THAN = {Lifecycle.DEPRECATED: ENDING, Lifecycle.RETIRED: (Lifecycle.RETIRED,)}


class ModelRetired(Conflict):
    code = "model_retired"
    title = "This model is retired"


def refuse_retired(route: Route) -> None:
    """Raise `ModelRetired` where every version that `route` leads to is retired."""
    life = life_behind(route)
    if life is not None and life.state == Lifecycle.RETIRED:
        raise ModelRetired(
            f"{route.model} is retired: whoever has access keeps it until it ends, nobody new is given it. "
            "Look for what takes its place in the catalog.",
            way_out=f"{route.model.get_absolute_url()}?tab=lifecycle",
        )


@everything("who holds a model that ends is told, whichever tenant's they are")
def tell_holders(steps: Sequence[LifecycleStep]) -> None:
    """Tell who runs the environments that hold a grant for a version that ends, and who asked for it: each person once
    for a tenant, with all their places."""
    ending = {step.version_id: step for step in steps if step.after in ENDING and step.after != step.before}
    if not ending:
        return
    behind = _behind(list(ending))
    grants = (
        Grant.objects.in_force()
        .filter(route__in=list(behind), environment__project__archived_at=None)
        .select_related("environment__tenant", "environment__project", "decision__request__requester")
        .order_by("pk")
    )
    told: dict[tuple[UUID, User, UUID, bool], list[Grant]] = defaultdict(list)
    in_charge: dict[UUID, list[User]] = {}
    for grant in grants:
        if grant.environment_id not in in_charge:
            in_charge[grant.environment_id] = list(members_who_may(MANAGE_MEMBERS, grant.environment))
        asked = [grant.decision.request.requester] if grant.decision else []
        states = behind[grant.route_id]
        for ended in ending.keys() & states.keys():
            goes_on = bool(set(states.values()) - set(_NO_FURTHER_THAN[Lifecycle(ending[ended].after)]))
            for person in {*in_charge[grant.environment_id], *asked}:
                told[(ended, person, grant.tenant_id, goes_on)].append(grant)
    for (key, person, _, goes_on), held in told.items():
        step = ending[key]
        version, is_retired = step.version, step.after == Lifecycle.RETIRED
        day = f" on {step.ends_on:%-d %B %Y}" if step.ends_on else ""
        places = ", ".join(dict.fromkeys(str(grant.environment) for grant in held))
        notify(
            [person],
            kind="access",
            title=f"{version} is retired" if is_retired else f"{version} ends{day}",
            body=f"Access to it is held in {places}. {step.reason.rstrip('.')}. {_what_follows(is_retired, goes_on)}",
            path=f"{version.model.get_absolute_url()}?tab=lifecycle&version={quote(version.label)}",
            tenant=held[0].environment.tenant,
        )


def _behind(versions: list[UUID]) -> dict[UUID, dict[UUID, str]]:
    """Of each route that leads to one of `versions`, every version that it leads to with its state."""
    rows = RouteTarget.objects.filter(deployment__is_enabled=True)
    led = rows.filter(deployment__version__in=versions).values("route")
    found: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    read = rows.filter(route__in=led)
    for route, version, state in read.values_list("route", "deployment__version", "deployment__version__lifecycle"):
        found[route][version] = state
    return dict(found)


def _what_follows(is_retired: bool, goes_on: bool) -> str:
    if goes_on:
        return "Its route goes on with another version."
    return "Nobody new is given access." if is_retired else "Plan to move before."
