"""Replace a key by a new one of the same scope, without a gap: for an overlap both work."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants import keys
from tenants.changes import announce
from tenants.key_lock import hold
from tenants.key_scope import KeyIsOver
from tenants.models import ApiKey

OVERLAPS = {
    "0": dt.timedelta(0),
    "1h": dt.timedelta(hours=1),
    "24h": dt.timedelta(hours=24),
    "7d": dt.timedelta(days=7),
}
OVERLAP_WORDS = {"0": "At once", "1h": "In 1 hour", "24h": "In 24 hours", "7d": "In 7 days"}

# Sent inside the transaction in which a key was replaced, with `old`, `new` and `by`: what rooms above attached to the
# one belongs to the other too.
rotated = Signal()


class OverlapNotOffered(Invalid):
    code = "overlap_not_offered"


class RotatedAlready(Conflict):
    code = "rotated_already"
    title = "This key was replaced already"


@transaction.atomic
def rotate(*, key: ApiKey, overlap: str, by: Any) -> keys.IssuedKey:
    """A successor of `key` with its environment, name, scope and lifetime; `key` itself ends after `overlap`, one of
    `OVERLAPS`, or earlier where it was to end earlier.

    Of two people at once the second is told of the first one's. A successor that was revoked may be replaced by
    another. Raises `OverlapNotOffered`, `KeyIsOver` and `RotatedAlready`.
    """
    if overlap not in OVERLAPS:
        raise OverlapNotOffered(f"Choose an overlap of {', '.join(OVERLAPS)}.", field="overlap")
    old = hold(key)
    successor = old.successors.order_by("created_at").last()
    if successor is not None and successor.revoked_at is None:
        raise RotatedAlready(
            f"“{old.name}” was replaced by {successor.prefix}… already. Rotate that one, or revoke it and try again.",
            way_out=f"/tenants/{old.environment.tenant.slug}/keys/{successor.pk}/",
        )
    if not old.is_usable:
        raise KeyIsOver(f"“{old.name}” was revoked or has expired. Issue a new key instead of replacing this one.")
    now = timezone.now()
    lifetime = _lifetime(successor or old)
    issued = keys.put(
        environment=old.environment,
        by=by,
        replaces=old,
        name=old.name,
        expires_at=now + lifetime if lifetime else None,
        allowed_routes=old.allowed_routes,
        allowed_networks=old.allowed_networks,
        holder=old.holder,
    )
    before = old.expires_at
    old.expires_at = min(filter(None, (before, now + OVERLAPS[overlap])))
    old.save(update_fields=["expires_at"])
    record(
        "key.rotated",
        by=by,
        subject=old,
        tenant=old.environment.tenant.slug,
        successor=issued.key.prefix,
        overlap=overlap,
        before=before,
        ends_at=old.expires_at,
    )
    rotated.send(ApiKey, old=old, new=issued.key, by=by)
    announce("key", old.pk)
    return issued


def _lifetime(key: ApiKey) -> dt.timedelta | None:
    """How long it was issued for; None: without end. A key that was rotated tells no more, its successor does."""
    return key.expires_at - key.created_at if key.expires_at else None
