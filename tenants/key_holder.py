"""Whose a key is: a member's own, or a service account's. It ends with its holder, so nobody leaves with a working key.

A key opens nothing while its holder is switched off, or is no member of its tenant; the gateway knows within a second.
Programs get keys of service accounts, which stay whoever leaves.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.record import record
from refusals.errors import Invalid
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.delegation import MANAGE_TENANT
from tenants.key_lock import hold
from tenants.models import ApiKey, Membership, Tenant, User


class HolderNotMember(Invalid):
    code = "holder_not_member"


def default_holder(tenant: Tenant, by: Any) -> User | None:
    """Who holds a key when nobody else is named: who issues it, if they are a member.

    It is nobody's in particular where Atrium itself or the platform team issues it. Anybody else who is no member was
    one until a moment ago. Raises `HolderNotMember`.
    """
    if not isinstance(by, User):
        return None
    if Membership.objects.filter(tenant=tenant, user=by).exists():
        return by
    if by.has_perm(MANAGE_TENANT):
        return None
    raise HolderNotMember(f"You are no member of {tenant} any more.")


def holder_called(tenant: Tenant, username: str) -> User:
    """The active member, or service account, of `tenant` with this user name. Raises `HolderNotMember`."""
    rows = User.objects.filter(memberships__tenant=tenant, is_active=True)
    found = rows.filter(username=username.replace("\x00", "").strip()).first()
    if found is None:
        raise HolderNotMember(
            f"Nobody active called “{username[:150]}” is a member or service account of {tenant}.", field="holder"
        )
    return found


def holder_for(tenant: Tenant, username: str, by: User) -> User:
    """The holder that `by` names for a key: themselves or a service account. Raises `HolderNotMember`."""
    found = holder_called(tenant, username)
    if not found.is_service and found != by:
        raise HolderNotMember("Take it yourself, or give it to a service account.", field="holder")
    return found


def holders_for(tenant: Tenant, by: User) -> QuerySet[User]:
    """Who `by` may give a key to: themselves and the tenant's service accounts, those first."""
    rows = User.objects.filter(memberships__tenant=tenant, is_active=True)
    return rows.filter(Q(service_account__tenant=tenant) | Q(pk=by.pk)).order_by(
        "-is_service", "display_name", "username"
    )


@transaction.atomic
def hand_over(*, key: ApiKey, to: User, by: Any) -> ApiKey:
    """Make `key` that of `to`, a member or service account of its tenant. Raises `HolderNotMember`."""
    locked = hold(key)
    tenant = locked.environment.tenant
    refuse_archived(tenant, locked.environment.project)
    to = holder_called(tenant, to.username)
    before = locked.holder
    if before == to:
        return locked
    locked.holder = to
    locked.save(update_fields=["holder"])
    record(
        "key.handed_over", by=by, subject=locked, tenant=tenant.slug, holder=to.username,
        before=before.username if before else None,
    )  # fmt: skip
    announce("key", locked.pk)
    return locked


def held_by(user: User, tenant: Tenant | None = None) -> QuerySet[ApiKey]:
    """The keys that work now and would stop with `user`, in `tenant` or anywhere."""
    rows = ApiKey.objects.usable().filter(holder=user).select_related("environment__project", "tenant")
    return rows if tenant is None else rows.filter(tenant=tenant)


def is_held(key: ApiKey) -> bool:
    """Whether whoever's it is, is there."""
    return not ApiKey.objects.filter(pk=key.pk).without_holder().exists()
