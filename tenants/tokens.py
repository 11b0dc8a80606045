"""Issue, find, recognise and revoke a person's tokens for the control-plane API."""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.record import record
from tenants import secrets
from tenants.issuing import check_expiry, named
from tenants.models import PersonalToken, User
from tenants.scope import everything
from tenants.timing import holds_for_a_time, settle_person

STATES = ("active", "expired", "revoked")
USE_IS_KEPT_EVERY = dt.timedelta(minutes=1)


@transaction.atomic
def issue(*, user: User, name: str, by: Any, expires_at: dt.datetime | None = None) -> tuple[PersonalToken, str]:
    """A new token of `user`: the row, and the secret that is shown this once.

    Raises `ExpiryInThePast`, `ExpiryTooFar` or `NameNotUnderstood`.
    """
    check_expiry(expires_at, what="token")
    made = secrets.make("pat")
    token = PersonalToken.objects.create(
        user=user,
        name=named(name, otherwise="Token"),
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        expires_at=expires_at,
    )
    record("token.issued", by=by, subject=token, user=user.username)
    return token, made.text


@transaction.atomic
def revoke(*, token: PersonalToken, by: Any) -> None:
    """Revoke a token; a second time changes nothing."""
    locked = PersonalToken.objects.select_for_update(no_key=True).get(pk=token.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        record("token.revoked", by=by, subject=locked, user=locked.user.username)


def find(user: User, *, text: str = "", state: str = "") -> QuerySet[PersonalToken]:
    """The tokens of `user` with the words of `text` in name or prefix, in one of `STATES` or in any."""
    rows = PersonalToken.objects.filter(user=user)
    for word in text.split():
        rows = rows.filter(Q(name__icontains=word) | Q(prefix__icontains=word))
    if state == "revoked":
        return rows.filter(revoked_at__isnull=False)
    expired = Q(expires_at__lte=timezone.now())
    if state == "expired":
        return rows.filter(expired, revoked_at=None)
    return rows.filter(~expired | Q(expires_at=None), revoked_at=None) if state == "active" else rows


def recognise(text: str) -> PersonalToken | None:
    """The valid token that `text` is, with its active user, else None."""
    prefix = secrets.prefix_of(text)
    rows = PersonalToken.objects.select_related("user").annotate(_is_timed=holds_for_a_time("user"))
    with everything("who is asking is looked up"):
        token = rows.filter(prefix=prefix).first() if prefix else None
    if token is None or token.revoked_at is not None or not token.user.is_active:
        return None
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return None
    if not hmac.compare_digest(token.secret_hash, secrets.keyed_hash(text)):
        return None
    _note_use(token)
    if vars(token)["_is_timed"]:
        settle_person(token.user_id)
    return token


def _note_use(token: PersonalToken) -> None:
    """Keep when it was last used, to the minute: a program that asks often must not write as often."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_IS_KEPT_EVERY:
        PersonalToken.objects.filter(pk=token.pk).update(last_used_at=now)
