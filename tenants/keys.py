"""Issue and revoke the keys of an environment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from audit.record import record
from tenants import key_holder, key_scope, secrets
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.issuing import check_expiry, named
from tenants.key_lock import hold
from tenants.models import ApiKey, Environment, Tenant, User
from tenants.networks import networks_of

type Gate = Callable[[Environment, Any], Callable[[ApiKey], None]]

_gates: list[Gate] = []


def goes_through(gate: Gate) -> None:
    """Ask `gate` before a new key is issued by somebody: it refuses, or says what is done with the key afterwards. For
    rooms above; registering one twice changes nothing."""
    if gate not in _gates:
        _gates.append(gate)


class IssuedKey(NamedTuple):
    """The row, and the secret that is shown this once."""

    key: ApiKey
    secret: str


@transaction.atomic
def issue(
    *,
    environment: Environment,
    name: str,
    by: Any,
    expires_at: dt.datetime | None = None,
    allowed_routes: Sequence[str] = (),
    allowed_networks: Sequence[str] = (),
    holder: User | None = None,
) -> IssuedKey:
    """Issue a key for `environment`, narrowed to routes and networks (none: all of them). Who may is asked before, by
    `scoping.require`. It is that of `holder`, unless told of who issues it (`tenants.key_holder`).

    Raises `ExpiryInThePast`, `ExpiryTooFar`, `NameNotUnderstood`, `HolderNotMember`, what `key_scope` refuses and what
    a gate does (`access.keys.permits`: the platform decides).
    """
    check_expiry(expires_at, what="key")
    Tenant.objects.select_for_update(no_key=True).get(pk=environment.tenant_id)  # as every change of members does
    environment = Environment.objects.select_related("tenant", "project").get(pk=environment.pk)
    afterwards = [gate(environment, by) for gate in _gates]
    issued = put(
        environment=environment,
        name=named(name, otherwise="Key"),
        by=by,
        expires_at=expires_at,
        allowed_routes=key_scope.routes_for(environment, allowed_routes),
        allowed_networks=networks_of(allowed_networks),
        holder=key_holder.holder_called(environment.tenant, holder.username)
        if holder
        else key_holder.default_holder(environment.tenant, by),
    )
    for use in afterwards:
        use(issued.key)
    return issued


def put(*, environment: Environment, by: Any, replaces: ApiKey | None = None, **facts: Any) -> IssuedKey:
    """A new key with `facts` that were checked, also in place of the one that it `replaces`; within a transaction.

    Raises `TenantArchived` and `ProjectArchived`.
    """
    refuse_archived(environment.tenant, environment.project)
    made = secrets.make(environment.short_kind)
    key = ApiKey.objects.create(
        tenant=environment.tenant,
        environment=environment,
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        created_by=by if isinstance(by, User) else None,
        replaces=replaces,
        **facts,
    )
    record(
        "key.issued",
        by=by,
        subject=key,
        tenant=environment.tenant.slug,
        environment=environment.path,
        **key_scope.told(key),
        holder=key.holder.username if key.holder else None,
        **({"replaces": replaces.prefix} if replaces else {}),
    )
    announce("key", key.pk)
    return IssuedKey(key, made.text)


@transaction.atomic
def revoke(*, key: ApiKey, by: Any, reason: str = "") -> ApiKey:
    """Revoke a key; a second time changes nothing. Every gateway process knows within a second."""
    locked = hold(key)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.revoked_by = by if isinstance(by, User) else None
        locked.save(update_fields=["revoked_at", "revoked_by"])
        record("key.revoked", by=by, subject=locked, tenant=locked.tenant.slug, reason=reason)
        announce("key", locked.pk)
    return locked
