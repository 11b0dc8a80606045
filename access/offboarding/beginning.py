"""Begin and call off the leaving of a tenant. From the beginning on nothing in it works any more."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.offboarding.tables import Offboarding
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.archiving import archive_tenant
from tenants.arrivals import Invitation
from tenants.bulk_revoking import revoke_all
from tenants.changes import announce
from tenants.delegation import MANAGE_TENANT, require_for_good
from tenants.models import ApiKey, Tenant, User
from tenants.notifications import notify
from tenants.scoping import members_who_may
from tenants.service_accounts import of_tenant, switch

State = Offboarding.State


class LeavingAlready(Conflict):
    code = "leaving_already"
    title = "It is leaving already"


class NotLeaving(Conflict):
    code = "not_leaving"
    title = "It is not leaving"


class DemonstrationLeavesOtherwise(Conflict):
    code = "demonstration"
    title = "This is the demonstration"


class ReasonNeeded(Invalid):
    code = "reason_needed"


@transaction.atomic
def begin(*, tenant: Tenant, reason: str, by: Any) -> Offboarding:
    """Stop everything of `tenant` and let it be packed; it is erased after `settings.ERASE_AFTER_DAYS`.

    Keys are revoked first, and stay revoked if it is called off. Raises `LeavingAlready`, `ReasonNeeded`,
    `DemonstrationLeavesOtherwise`, `ForATime`.
    """
    if not reason.strip():
        raise ReasonNeeded("Say why it leaves; it is kept on record.", field="reason")
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if isinstance(by, User):
        require_for_good(by, MANAGE_TENANT, locked)
    if locked.is_demonstration:
        raise DemonstrationLeavesOtherwise("The demonstration is removed as a whole: atrium demo --remove.")
    if Offboarding.objects.filter(tenant=locked, state__in=Offboarding.OPEN).exists():
        raise LeavingAlready(f"{locked} is leaving already.", way_out=f"/tenants/{locked.slug}/offboarding/")
    keys = list(ApiKey.objects.filter(tenant=locked, revoked_at=None).order_by("pk"))
    revoked = revoke_all(found=keys, by=by, reason=f"{locked} leaves") if keys else 0
    for account in of_tenant(locked).filter(is_active=True):
        switch(account=account, on=False, by=by)
    now = timezone.now()
    Invitation.objects.filter(tenant=locked).open().update(withdrawn_at=now)
    locked.leaving_since = now
    locked.save(update_fields=["leaving_since"])
    archive_tenant(tenant=locked, by=by)
    made = Offboarding.objects.create(
        tenant=locked,
        slug=locked.slug,
        name=locked.name,
        reason=reason.strip()[:500],
        requested_by=by if isinstance(by, User) else None,
        requested_at=now,
        erase_after=now + dt.timedelta(days=settings.ERASE_AFTER_DAYS),
    )
    record("tenant.leaving", by=by, subject=locked, tenant=locked.slug, reason=made.reason, keys=revoked,
           erase_after=made.erase_after)  # fmt: skip
    _tell(made, by, f"{locked} leaves", f"Nothing in it works any more. It is erased on {made.erase_after:%-d %B %Y}.")
    announce("tenant", locked.pk)
    ask(made)
    return made


@transaction.atomic
def call_off(*, offboarding: Offboarding, by: Any) -> Offboarding:
    """Keep the tenant; a second time changes nothing. Its keys stay revoked, it can be restored. Raises `NotLeaving`
    once erasing has begun."""
    kept = Offboarding.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=offboarding.pk)
    if kept.state == State.CANCELLED:
        return kept
    if kept.state in (State.ERASING, State.ERASED) or kept.progress:
        raise NotLeaving("Erasing has begun, and what is erased does not come back.")
    kept.state, kept.ended_at, kept.error = State.CANCELLED, timezone.now(), ""
    kept.save(update_fields=["state", "ended_at", "error"])
    kept.pieces.all().delete()
    Tenant.objects.filter(pk=kept.tenant_id).update(leaving_since=None)
    record("tenant.kept", by=by, subject=kept.tenant, tenant=kept.slug)
    _tell(kept, by, f"{kept.tenant} stays", "Its owners can restore it. Its keys stay revoked.")
    return kept


def ask(offboarding: Offboarding) -> None:
    """Let a worker go on with it, once this transaction is done."""
    from access.tasks import offboard  # tasks need this module

    key = str(offboarding.pk)
    transaction.on_commit(lambda: offboard.delay(key), robust=True)


def _tell(offboarding: Offboarding, by: Any, title: str, body: str) -> None:
    people = set(members_who_may("tenants.view_tenant", offboarding.tenant)) - {by}
    path = f"/tenants/{offboarding.slug}/offboarding/"
    notify(people, kind="tenant", title=title, body=body, path=path, tenant=offboarding.tenant)
