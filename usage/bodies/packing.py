"""Hand a tenant what is kept of its calls' content, in clear: it takes that along when it leaves. And keep the tenants'
keys under a newer key of the installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.record import record
from tenants import data_keys, scoping
from tenants.models import Tenant, User
from ui.connections import give_back
from ui.exporting import in_batches
from usage.bodies.reading import READ, opened_of
from usage.bodies.sealing import Unreadable
from usage.bodies.tables import Body, BodyKey

AT_ONCE = 50  # each may have megabytes


def holds_content(tenant: Tenant) -> bool:
    """Whether content of any call of `tenant` is kept."""
    return _kept(tenant).exists()


@transaction.atomic
def take_contents(*, tenant: Tenant, by: User) -> Iterator[bytes]:
    """All of it as JSON lines, read while they are taken; that it was taken is written down. Raises `Forbidden` for who
    may not read content in all of the tenant."""
    scoping.require(by, READ, tenant)
    record("body.read", by=by, subject=tenant, tenant=tenant.slug, parts=["prompt", "answer"],
           calls=_kept(tenant).count())  # fmt: skip
    return _lines(tenant)


def contents_of(tenant: Tenant) -> Iterator[dict[str, Any]]:
    """What was asked and answered in each call of which it is kept, as texts; what does not open says why."""
    for body in in_batches(_kept(tenant).select_related("key").order_by("pk"), size=AT_ONCE):
        told: dict[str, Any] = {"call": str(body.pk), "form": body.form, "erase_at": body.erase_at.isoformat()}
        try:
            opened = opened_of(body)
        except Unreadable as unreadable:  # one that does not open must not keep the others from being handed out
            yield told | {"unreadable": unreadable.sentence}
            continue
        for part, content in (("prompt", opened.prompt), ("answer", opened.answer)):
            told[part] = None if content is None else content.decode("utf-8", "replace")
        yield told


def _lines(tenant: Tenant) -> Iterator[bytes]:
    for told in contents_of(tenant):
        give_back()  # the reader may be slow
        yield json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    give_back()


def _kept(tenant: Tenant) -> QuerySet[Body]:
    return Body.objects.filter(tenant=tenant, erase_at__gt=timezone.now())


@transaction.atomic
def rotate_keys(*, by: Any) -> tuple[int, int]:
    """Encrypt every tenant's data key again with the newest of `ATRIUM_CREDENTIAL_KEYS`: how many, and how many were
    passed over because no key of the installation opens them. Content stays as it is, since it is encrypted with the
    data keys."""
    count, lost = data_keys.rotate(BodyKey.objects.all())
    if count or lost:
        record(
            "bodies.key_rotated", by=by, subject_kind="tenant", subject_label="every tenant that keeps content",
            count=count, passed_over=lost,
        )  # fmt: skip
    return count, lost
