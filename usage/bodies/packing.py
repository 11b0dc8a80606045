"""Hand a tenant what is kept of its calls' content, in clear: it is a part of the archive that it takes along. And keep
the tenants' keys under a newer key of the installation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from tenants.models import Tenant
from usage.bodies.reading import opened_of
from usage.bodies.sealing import Unreadable, rewrapped, unwrapped
from usage.bodies.tables import Body, BodyKey

AT_ONCE = 50  # each may have megabytes


def contents_of(tenant: Tenant) -> Iterator[dict[str, Any]]:
    """What was asked and answered in each call of which it is kept, as texts."""
    key = BodyKey.objects.filter(tenant=tenant).first()
    if key is None:
        return
    secret = unwrapped(bytes(key.wrapped))
    rows = Body.objects.filter(tenant=tenant, erase_at__gt=timezone.now()).order_by("pk")
    for body in rows.iterator(chunk_size=AT_ONCE):
        told: dict[str, Any] = {"call": str(body.pk), "form": body.form, "erase_at": body.erase_at.isoformat()}
        try:
            opened = opened_of(body, secret)
        except Unreadable as unreadable:  # one that was tampered with must not keep the others from being handed out
            yield told | {"unreadable": unreadable.sentence}
            continue
        for part, content in (("prompt", opened.prompt), ("answer", opened.answer)):
            told[part] = None if content is None else content.decode("utf-8", "replace")
        yield told


@transaction.atomic
def rotate_keys(*, by: Any) -> int:
    """Encrypt every tenant's data key again with the newest of `ATRIUM_CREDENTIAL_KEYS`; how many. Content stays as it
    is, since it is encrypted with the data keys."""
    keys = list(BodyKey.objects.select_for_update().order_by("pk"))
    for key in keys:
        key.wrapped = rewrapped(bytes(key.wrapped))
        key.save(update_fields=["wrapped"])
    if keys:
        record(
            "bodies.key_rotated", by=by, subject_kind="tenant", subject_label="every tenant that keeps content",
            count=len(keys),
        )  # fmt: skip
    return len(keys)
