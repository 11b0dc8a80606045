"""Tell people of access that ends soon, once for each grant: who asked for it and who runs the tenant.

That somebody was told is remembered by the audit's entry.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from access.models import Grant
from audit.models import Entry
from audit.record import SYSTEM, record
from tenants.delegation import MANAGE_MEMBERS
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may

WARNED = "grant.expiry_warned"
WITHIN = dt.timedelta(days=14)


@everything("grants of every tenant are looked through")
def warn() -> int:
    """Tell of every grant that ends within `WITHIN` and was not told of; how many."""
    soon = Grant.objects.in_force().filter(
        expires_at__lte=timezone.now() + WITHIN, granted_at__lt=F("expires_at") - WITHIN, tenant__archived_at=None
    )
    return sum(_warn(pk) for pk in list(soon.values_list("pk", flat=True)) if not _told(pk))


@transaction.atomic
def _warn(pk: UUID) -> int:
    rows = Grant.objects.in_force().select_for_update(of=("self",), no_key=True, skip_locked=True)
    with_names = rows.select_related(
        "environment__tenant", "environment__project", "route__model", "decision__request__requester"
    )
    grant = with_names.filter(pk=pk).first()
    if grant is None or grant.expires_at is None or _told(pk):
        return 0  # somebody was faster
    environment = grant.environment
    record(
        WARNED, by=SYSTEM, subject=grant, tenant=environment.tenant.slug, expires_at=grant.expires_at.isoformat()
    )  # fmt: skip
    asked = [grant.decision.request.requester] if grant.decision else []
    notify(
        {*members_who_may(MANAGE_MEMBERS, environment), *asked},
        kind="access",
        title=f"Access to {grant.route.model} in {environment} ends on {grant.expires_at:%-d %B}",
        body="Calls are refused from then on. Ask again in time if it is still needed.",
        path=f"/tenants/{environment.tenant.slug}/grants/",
        tenant=environment.tenant,
    )
    return 1


def _told(pk: UUID) -> bool:
    return Entry.objects.filter(subject_kind="grant", subject_id=str(pk), verb=WARNED).exists()
