"""Issue, recognise and revoke the tokens with which a directory's service comes to `/scim/v2`.

The platform's are made by who may switch people off (`tenants.change_user` above tenants), a tenant's by who answers
for it (`tenants.manage_tenant`) and may give every role: a directory makes and ends memberships of any role for as long
as its token is there, so neither an admin, who may not unmake an owner, nor who stands in for one connects it.
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.composed import selection, taken
from audit.record import Actor, record
from refusals.errors import Conflict
from tenants import secrets
from tenants.archiving import refuse_archived
from tenants.delegation import require_every_role
from tenants.directory.standing import begin
from tenants.issuing import check_expiry, named
from tenants.models import Directory, DirectoryToken, Tenant, User
from tenants.scope import everything
from tenants.tokens import USE_IS_KEPT_EVERY

KIND = "scim"
MOST = 20


class TooManyTokens(Conflict):
    code = "too_many_tokens"
    title = "Too many tokens"


@transaction.atomic
def issue(
    *, tenant: Tenant | None, name: str, by: Any, expires_at: dt.datetime | None = None
) -> tuple[DirectoryToken, str]:
    """A new token for the directory of `tenant` (None: of the platform), and the secret that is shown this once.

    Raises `ExpiryInThePast`, `ExpiryTooFar`, `NameNotUnderstood`, `RoleAboveYours`, `TenantArchived`, `TooManyTokens`.
    """
    check_expiry(expires_at, what="token")
    if tenant is not None:
        locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        refuse_archived(locked)
        if isinstance(by, User):
            require_every_role(by, locked)
    directory = begin(tenant)
    if directory.tokens.filter(revoked_at=None).count() >= MOST:
        raise TooManyTokens(f"There are {MOST} tokens in force. Revoke one that is not used first.")
    made = secrets.make(KIND)
    token = DirectoryToken.objects.create(
        directory=directory, name=named(name, otherwise="Directory"), prefix=made.prefix,
        secret_hash=made.secret_hash, expires_at=expires_at, created_by=by,
    )  # fmt: skip
    record("directory.token_issued", by=by, subject=token, tenant=directory.slug)
    return token, made.text


@transaction.atomic
def revoke(*, token: DirectoryToken, by: Any) -> DirectoryToken:
    """Revoke a token; a second time changes nothing."""
    rows = DirectoryToken.objects.select_for_update(of=("self",), no_key=True).select_related("directory__tenant")
    locked = rows.get(pk=token.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        record("directory.token_revoked", by=by, subject=locked, tenant=locked.directory.slug)
    return locked


def tokens_of(tenant: Tenant | None) -> QuerySet[DirectoryToken]:
    """The tokens of one directory, newest first."""
    rows = DirectoryToken.objects.filter(directory__tenant=tenant)
    return rows.select_related("created_by", "directory__tenant")


@everything("a directory's token is recognised before it is known whose it is")
def recognise(text: str) -> DirectoryToken | None:
    """The valid token that `text` is, with its directory and tenant, else None."""
    prefix = secrets.prefix_of(text)
    token = _called(prefix) if prefix else None
    if token is None or token.state != "active":
        return None
    if not hmac.compare_digest(token.secret_hash, secrets.keyed_hash(text)):
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_IS_KEPT_EVERY:
        DirectoryToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


_CALLED = f"""
    SELECT {selection(DirectoryToken, "token")}, {selection(Directory, "directory")}, {selection(Tenant, "tenant")}
      FROM {DirectoryToken._meta.db_table} token
      JOIN {Directory._meta.db_table} directory ON directory.id = token.directory_id
      LEFT JOIN {Tenant._meta.db_table} tenant ON tenant.id = directory.tenant_id
     WHERE token.prefix = %s
"""  # names of our own tables


def _called(prefix: str) -> DirectoryToken | None:
    """The token with this prefix: what every request asks first."""
    with connection.cursor() as cursor:
        cursor.execute(_CALLED, [prefix])
        found = cursor.fetchone()
    if found is None:
        return None
    values = iter(found)
    token: Any = taken(DirectoryToken, values)
    token.directory = taken(Directory, values)
    token.directory.tenant = taken(Tenant, values)
    return cast(DirectoryToken, token)


def actor_of(token: DirectoryToken) -> Actor:
    """Who the audit names for what comes with `token`."""
    return Actor(f"{token.directory}: {token.name}", kind="directory", id=str(token.pk))
