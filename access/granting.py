"""Give an environment the right to call a route, and take it back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.conditions import NONE, Conditions
from access.models import Grant
from access.retirement import refuse_retired
from approvals.models import Decision
from audit.record import record
from catalog.models import Route
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.delegation import MANAGE_MEMBERS
from tenants.models import Environment, User
from tenants.notifications import notify
from tenants.scoping import members_who_may


class RouteDisabled(Conflict):
    code = "route_disabled"
    title = "This route is switched off"


class RevokedAlready(Conflict):
    code = "revoked_already"
    title = "This grant was revoked already"


class ReasonMissing(Invalid):
    code = "reason_missing"


def lock_environment(environment: Environment) -> None:
    """Let grants of one environment follow one another; taken before anything is written."""
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)


@transaction.atomic
def grant(
    *,
    environment: Environment,
    route: Route,
    by: Any,
    decision: Decision | None = None,
    purpose: str = "",
    conditions: Conditions = NONE,
    expires_at: dt.datetime | None = None,
) -> Grant:
    """The grant of `route` to `environment`; one that is in force already is replaced. Raises `RouteDisabled` and
    `ModelRetired`."""
    lock_environment(environment)
    refuse_archived(environment.tenant, environment.project)
    if not route.is_enabled:
        raise RouteDisabled(f"{route} is switched off by the platform team, so nobody can be given access to it.")
    refuse_retired(route)
    replaced = Grant.objects.filter(environment=environment, route=route, revoked_at=None)
    replaced.update(revoked_at=timezone.now(), revoked_by=by if isinstance(by, User) else None)
    given = Grant.objects.create(
        tenant=environment.tenant,
        environment=environment,
        route=route,
        decision=decision,
        purpose=purpose,
        conditions=conditions.as_json(),
        expires_at=expires_at,
    )
    record(
        "grant.given",
        by=by,
        subject=given,
        tenant=environment.tenant.slug,
        environment=environment.path,
        route=route.slug,
        decision=str(decision.pk) if decision else "",
        conditions=given.conditions,
        expires_at=expires_at.isoformat() if expires_at else "",
    )
    announce("grant", environment.pk)
    return given


@transaction.atomic
def revoke(*, grant: Grant, by: Any, reason: str) -> Grant:
    """End a grant at once; every gateway process knows within a second. Raises `ReasonMissing`, `RevokedAlready`."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise ReasonMissing("Say why: the people who call this model will ask.", field="reason")
    lock_environment(grant.environment)
    ended = Grant.objects.filter(pk=grant.pk, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=by if isinstance(by, User) else None
    )
    if not ended:
        raise RevokedAlready("Somebody revoked this grant before you; nothing was changed.")
    grant.refresh_from_db()
    environment = grant.environment
    record(
        "grant.revoked",
        by=by,
        subject=grant,
        tenant=environment.tenant.slug,
        environment=environment.path,
        route=grant.route.slug,
        reason=reason,
    )
    announce("grant", environment.pk)
    told = members_who_may(MANAGE_MEMBERS, environment)  # who runs the tenant or the project
    notify(
        {*told, *([grant.decision.request.requester] if grant.decision else [])} - {by},
        kind="access",
        title=f"Access to {grant.route.model} was revoked in {environment}",
        body=reason,
        path=f"/tenants/{environment.tenant.slug}/grants/",
        tenant=environment.tenant,
    )
    return grant
