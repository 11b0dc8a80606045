"""Tell people of keys that expire soon, once each: who holds it, else who issues keys in the tenant.

That somebody was told is remembered by the audit's entry. A key that has a successor already, or lives for a few days
only, ends as it was meant to.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.models import Entry
from audit.record import SYSTEM, record
from tenants.models import ApiKey
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may

WARNED = "key.expiry_warned"
WITHIN = dt.timedelta(days=7)


@everything("keys of every tenant are looked through")
def warn() -> int:
    """Tell of every key that expires within `WITHIN` and was not told of; how many."""
    soon = ApiKey.objects.usable().filter(
        expires_at__lte=timezone.now() + WITHIN, created_at__lt=F("expires_at") - WITHIN, tenant__archived_at=None
    )
    keys = list(soon.exclude(successors__revoked_at=None, successors__isnull=False).values_list("pk", flat=True))
    return sum(_warn(key) for key in keys if not _told(key))


@transaction.atomic
def _warn(pk: UUID) -> int:
    rows = ApiKey.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    key = rows.select_related("environment__project", "environment__tenant", "holder").filter(pk=pk).first()
    if key is None or not key.is_usable or key.expires_at is None or _told(pk):
        return 0  # somebody was faster
    tenant = key.environment.tenant
    record(WARNED, by=SYSTEM, subject=key, tenant=tenant.slug, expires_at=key.expires_at.isoformat())
    held = key.holder is not None and not key.holder.is_service
    notify(
        [key.holder] if held and key.holder else members_who_may("tenants.manage_keys", key),
        kind="keys",
        title=f"The key “{key.name}” expires on {key.expires_at:%-d %B}",
        body=f"{key.prefix}… of {key.environment.path}. Replace it in time: the new one and it work beside each other "
        "for as long as you choose.",
        path=f"/tenants/{tenant.slug}/keys/{key.pk}/",
        tenant=tenant,
    )
    return 1


def _told(pk: UUID) -> bool:
    return Entry.objects.filter(subject_kind="apikey", subject_id=str(pk), verb=WARNED).exists()
