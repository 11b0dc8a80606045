"""Change what a grant demands of calls after it was given: narrower by who manages the tenant or project, wider only by
the platform team, since somebody decided on it. Others ask anew.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from access.conditions import Conditions
from access.granting import ReasonMissing, RevokedAlready, lock_environment
from access.models import Grant
from audit.record import record
from refusals.errors import Forbidden
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT
from tenants.models import User
from tenants.notifications import notify
from tenants.scoping import members_who_may, require
from tenants.seen import refuse_changed

WIDENS = "approvals.manage_policies"


class WiderThanDecided(Forbidden):
    code = "wider_than_decided"
    title = "This is more than was decided"


@transaction.atomic
def change_conditions(*, grant: Grant, conditions: Conditions, reason: str, by: Any, seen: str | None = None) -> Grant:
    """Demand `conditions` of every call from now on; every gateway process does within a second.

    `by` is a person, or who works at the command line and may do everything. `seen` is a mark of the conditions that
    were shown (`tenants.seen`). Raises `Missing` or `Forbidden` (needs
    `tenants.manage_tenant`), `WiderThanDecided`, `ReasonMissing`, `RevokedAlready` and `ChangedMeanwhile`.
    """
    environment = grant.environment
    person = by if isinstance(by, User) else None
    if person is not None:
        require(person, MANAGE_TENANT, environment)
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise ReasonMissing("Say why: the people who call this model will ask.", field="reason")
    lock_environment(environment)
    refuse_archived(environment.tenant, environment.project)
    grant.refresh_from_db(fields=["conditions", "revoked_at", "expires_at"])
    if grant.state in ("revoked", "expired"):
        raise RevokedAlready("This grant has ended, so nothing can be demanded of its calls any more.")
    before, after = grant.demanded, conditions
    refuse_changed(seen, before.as_json(), "the conditions")
    if after == before:
        return grant
    if not after.is_within(before) and person is not None and not person.has_perm(WIDENS):
        raise WiderThanDecided(
            "You can demand more of the calls, and not less than was decided. Ask for access anew with what you need, "
            "or have the platform team change it.",
            permission=WIDENS,
            way_out=f"/requests/new/access/{grant.route.slug}/?environment={environment.path}",
        )
    grant.conditions = after.as_json()
    grant.save(update_fields=["conditions"])
    record(
        "grant.conditions_changed",
        by=by,
        subject=grant,
        tenant=environment.tenant.slug,
        environment=environment.path,
        route=grant.route.slug,
        before=before.as_json(),
        after=after.as_json(),
        reason=reason,
    )
    announce("grant", environment.pk)
    asked = [grant.decision.request.requester] if grant.decision else []
    notify(
        {*members_who_may(MANAGE_MEMBERS, environment), *asked} - {person},
        kind="access",
        title=f"What calls of {grant.route.model} in {environment} may do was changed",
        body=f"{'; '.join(after.sentences) or 'Nothing is demanded any more'}. {reason}",
        path=f"/tenants/{environment.tenant.slug}/grants/{grant.pk}/",
        tenant=environment.tenant,
    )
    return grant
