"""Erase content before its time: of a call, of a key, of an end user, or all of a tenant.

What was asked before and still is on its way (in the spool of a process) is kept out by the row that says what was
erased (`storing`). All of a tenant goes with the key that it was encrypted with, so that it cannot be read in a copy of
the database either. An archived tenant may be asked for this too: whose content it is has a right to it.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.record import record
from refusals.errors import Invalid
from tenants.changes import announce
from tenants.models import Tenant
from usage.bodies.sealing import Unreadable, end_user_hash, unwrapped
from usage.bodies.setting import ensure_key
from usage.bodies.tables import Body, BodyKey, Erasure, RetentionPolicy
from usage.models import Call

Of = Erasure.Of
LONGEST_NAME = 4096


class ErasureNotUnderstood(Invalid):
    code = "erasure_not_understood"


@transaction.atomic
def erase_call(*, call: Call, reason: str, by: Any) -> Erasure:
    """Erase the content of one call. Raises `ErasureNotUnderstood` without a reason."""
    tenant = _locked(call.tenant)
    return _erase(tenant, Of.CALL, Body.objects.filter(tenant=tenant, pk=call.pk), reason, by, call_id=call.pk)


@transaction.atomic
def erase_key(*, tenant: Tenant, key_prefix: str, reason: str, by: Any) -> Erasure:
    """Erase the content of every call that was made with a key so far. Raises `ErasureNotUnderstood`."""
    if not key_prefix.startswith("atrium_") or len(key_prefix) > 40:
        raise ErasureNotUnderstood("Name a key by its prefix, as in atrium_dev_…", field="key")
    tenant = _locked(tenant)
    rows = Body.objects.filter(tenant=tenant, key_prefix=key_prefix)
    return _erase(tenant, Of.KEY, rows, reason, by, key_prefix=key_prefix)


@transaction.atomic
def erase_end_user(*, tenant: Tenant, end_user: str, reason: str, by: Any) -> Erasure:
    """Erase the content of every call so far that was made for an end user, as calls name them (`user`,
    `safety_identifier` or `metadata.user_id`). Who that is, is not written down. Raises `ErasureNotUnderstood`, and
    `Unreadable` where the tenant's key is lost: nobody can tell then which calls those are."""
    if not end_user or len(end_user) > LONGEST_NAME:
        raise ErasureNotUnderstood("Say for which end user, exactly as your calls name them.", field="end_user")
    tenant = _locked(tenant)
    key = BodyKey.objects.filter(tenant=tenant).first()
    try:
        named = end_user_hash(unwrapped(bytes(key.wrapped)), end_user) if key else ""
    except Unreadable as lost:
        told = f"{lost.sentence} Until then nobody can tell whose calls are whose; all of it can be erased."
        raise Unreadable(told) from lost
    rows = Body.objects.filter(tenant=tenant, end_user_hashes__contains=[named]) if named else Body.objects.none()
    return _erase(tenant, Of.END_USER, rows, reason, by, end_user_hash=named)


@transaction.atomic
def erase_all(*, tenant: Tenant, reason: str, by: Any) -> Erasure:
    """Erase all content of a tenant, and the key that it was encrypted with. Raises `ErasureNotUnderstood`."""
    tenant = _locked(tenant)
    made = _erase(tenant, Of.TENANT, Body.objects.filter(tenant=tenant), reason, by)
    BodyKey.objects.filter(tenant=tenant).delete()
    if any(policy.prompts or policy.answers for policy in RetentionPolicy.objects.filter(tenant=tenant)):
        ensure_key(tenant)
    announce("retention", tenant.pk)
    return made


def erase_of(tenant: Tenant, *, of: str, subject: str, reason: str, by: Any) -> Erasure:
    """Erase what `of` and `subject` name. Raises `ErasureNotUnderstood`."""
    match of:
        case Of.KEY:
            return erase_key(tenant=tenant, key_prefix=subject, reason=reason, by=by)
        case Of.END_USER:
            return erase_end_user(tenant=tenant, end_user=subject, reason=reason, by=by)
    return erase_all(tenant=tenant, reason=reason, by=by)


def _locked(tenant: Tenant) -> Tenant:
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def _erase(tenant: Tenant, of: str, rows: QuerySet[Body], reason: str, by: Any, **which: Any) -> Erasure:
    if not reason.strip():
        raise ErasureNotUnderstood("Say why; it is kept on record.", field="reason")
    made = Erasure.objects.create(
        tenant=tenant, of=of, reason=reason.strip()[:300], at=timezone.now(),
        by=by if getattr(by, "pk", None) else None, **which,
    )  # fmt: skip
    made.contents = rows._raw_delete(rows.db)
    made.save(update_fields=["contents"])
    told = {name: str(value) for name, value in which.items() if name != "end_user_hash"}
    record(
        "bodies.erased", by=by, subject=tenant, tenant=tenant.slug, of=of, contents=made.contents, reason=made.reason,
        erasure=str(made.pk), **told,
    )  # fmt: skip
    return made
