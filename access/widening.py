"""What an environment's last grant of a route demands, told to who decides on more than it allows: that is the
platform's, also where access is left to the tenant, as what was decided would otherwise be undone by asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import F, QuerySet

from access.changing import WIDENS, WiderThanDecided
from access.conditions import Conditions
from access.imposing import together
from access.models import Grant
from approvals.models import Request
from approvals.states import OPEN_STATES
from approvals.subjects import Evidence
from catalog.models import Route
from tenants.models import Environment

GRANTS = "Grants"


def last_grant(environment_id: UUID, route_id: UUID) -> Grant | None:
    """The grant in force, else the one that ended last: ending it and asking anew is no way round its conditions."""
    return _last().filter(environment=environment_id, route=route_id).first()


def last_grants(environments: Sequence[Environment], route: Route) -> dict[str, Grant]:
    """The same in each of `environments` that had one, by the environment's path, in one question."""
    rows = _last().filter(environment__in=environments, route=route).distinct("environment_id")
    return {grant.environment.path: grant for grant in rows}


def _last() -> QuerySet[Grant]:
    rows = Grant.objects.select_related("environment__tenant", "environment__project")
    return rows.order_by("environment_id", F("revoked_at").desc(nulls_first=True))


def refuse_wider(environment: Environment, route: Route, conditions: Conditions) -> None:
    """Raise `WiderThanDecided` where a tenant is about to give itself more than was decided."""
    held = last_grant(environment.pk, route.pk)
    if held is not None and not conditions.is_within(held.demanded):
        raise WiderThanDecided(
            f"Meanwhile it was decided what calls of {environment} to {route} may do, and this is more. Refuse or"
            " withdraw this request; the platform decides on it when it is asked for anew.",
            permission=WIDENS,
            way_out=f"/tenants/{environment.tenant.slug}/grants/{held.pk}/",
        )


def held_now(request: Request) -> list[Evidence]:
    """What is demanded already, and what of it an approval as it stands would take away; nothing without a grant or
    conditions."""
    held = (
        last_grant(request.environment_id, UUID(request.subject_key.partition(":")[2]))
        if request.environment_id
        else None
    )
    if held is None or held.demanded.is_empty:
        return []
    lost = held.demanded.not_kept_by(together(request)).sentences
    name = "In force now" if held.is_in_force else "In force until it ended"
    page = f"/tenants/{held.environment.tenant.slug}/grants/{held.pk}/"
    return [
        Evidence(name, "; ".join(held.demanded.sentences), GRANTS, held.granted_at.date(), path=page),
        Evidence("Would be lost", "; ".join(lost) or "nothing", GRANTS),
    ]


def held_at_a_glance(request: Request) -> list[Evidence]:
    """The same while it is open: what was decided holds by now, and what held before is in the decision's record."""
    return held_now(request) if request.state in OPEN_STATES else []
