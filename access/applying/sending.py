"""The steps for what an environment sends to models: which data, and what its grants demand of each call.

A file gives no access and takes none away, for it does not decide: of a grant that is there it changes the conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from access.applying.authority import Authority
from access.applying.schema import EnvironmentPart, GrantPart
from access.applying.steps import Action, Change, Step
from access.changing import change_conditions
from access.conditions import NAMES
from access.models import Grant
from tenants.data_sent import state_data
from tenants.models import Tenant

if TYPE_CHECKING:
    from access.applying.places import Where

REASON = "Applied from the tenant's file."


def sending_steps(where: Where, wanted: EnvironmentPart, now: EnvironmentPart, authority: Authority) -> list[Step]:
    """Those of one environment where the file says something else than it has."""
    steps = _data(where, wanted, now, authority)
    there = {grant.route: grant for grant in now.grants or ()}
    for grant in wanted.grants or ():
        if (held := there.get(grant.route)) is not None and held.conditions != grant.conditions:
            steps.append(_conditions(where, grant, held, authority))
    return steps


def not_granted(where: Where, wanted: EnvironmentPart, now: EnvironmentPart) -> list[str]:
    """What is to be told of grants that the file has and the environment has not."""
    there = {grant.route for grant in now.grants or ()}
    return [
        f"{where.name} has no access to “{grant.route}”. A file gives none: ask for it on the model's page. What the "
        "file demands of its calls is passed over."
        for grant in wanted.grants or ()
        if grant.route not in there
    ]


def _data(where: Where, wanted: EnvironmentPart, now: EnvironmentPart, authority: Authority) -> list[Step]:
    before, after = now.data_classes or (), wanted.data_classes
    if after is None or after == before:
        return []

    def perform(tenant: Tenant, by: Any) -> None:
        state_data(environment=where.found(tenant).row, data_classes=after, by=by)

    action: Action = "remove" if not after else "change" if before else "create"
    changes = (Change("data_classes", list(before), list(after)),)
    return [Step(action, "data", where.name, changes, perform, authority.over_content(where.place))]


def _conditions(where: Where, wanted: GrantPart, now: GrantPart, authority: Authority) -> Step:
    was, becomes = now.conditions.as_json(), wanted.conditions.as_json()
    changes = tuple(
        Change(name, was.get(name), becomes.get(name)) for name in NAMES if was.get(name) != becomes.get(name)
    )

    def perform(tenant: Tenant, by: Any) -> None:
        rows = Grant.objects.in_force().select_related("environment__tenant", "environment__project", "route__model")
        grant = rows.get(tenant=tenant, environment=where.found(tenant).row, route__slug=wanted.route)
        change_conditions(grant=grant, conditions=wanted.conditions, reason=REASON, by=by)

    action: Action = "remove" if not becomes else "change" if was else "create"
    refused = authority.over_conditions(where.place, wanted.conditions, now.conditions)
    return Step(action, "conditions", f"{wanted.route} in {where.name}", changes, perform, refused)
