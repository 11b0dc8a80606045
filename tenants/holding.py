"""What people hold in a tenant: the one place that says it, and that django-guardian is brought into line with.

Whoever changes anything that it follows from (a membership, a role, what is held for a time) calls `settle` in the same
transaction, under the lock of the tenant's row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from guardian.models import UserObjectPermission

from tenants.custom_roles import roles_of
from tenants.elevations import Elevation
from tenants.kept_holdings import forget
from tenants.models import Membership, Tenant
from tenants.roles import TENANT_ROLES


def settle(tenant: Tenant, users: Iterable[Any]) -> None:
    """Let `users` (their keys) hold in `tenant` what the rules give them now, and nothing else."""
    forget()
    concerned = {UUID(str(user)) for user in users}
    standing_in = Elevation.objects.live().filter(tenant=tenant, absent__in=concerned)
    concerned |= set(standing_in.values_list("user_id", flat=True))  # they hold no more than who is away
    wanted = holdings(tenant, concerned)
    ids = dict(_permissions().values_list("codename", "pk"))
    # As they are kept: asked for what somebody may do, guardian says nothing for who is switched off, and what is held
    # above tenants as well would not be told apart.
    rows = UserObjectPermission.objects.filter(
        user__in=concerned, object_pk=str(tenant.pk), permission__in=_permissions()
    )
    kept = {(user, permission): row for row, user, permission in rows.values_list("pk", "user_id", "permission_id")}
    asked = {(user, ids[name.partition(".")[2]]) for user, names in wanted.items() for name in names}
    if gone := [row for pair, row in kept.items() if pair not in asked]:
        UserObjectPermission.objects.filter(pk__in=gone).delete()
    if missing := sorted(asked - kept.keys()):
        kind = _permissions().values_list("content_type_id", flat=True)[0]
        UserObjectPermission.objects.bulk_create(
            UserObjectPermission(user_id=user, permission_id=permission, content_type_id=kind, object_pk=str(tenant.pk))
            for user, permission in missing
        )


def holdings(tenant: Tenant, users: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    """What the rules give each of `users` in `tenant`: the permissions of their membership's role, those of a role that
    they have for a time, and those of the role of whom they stand in for."""
    found = lasting(tenant, users)
    live = list(Elevation.objects.live().filter(tenant=tenant, user__in=found))
    if not live:
        return found
    roles = roles_of(tenant)
    away = lasting(tenant, {each.absent_id for each in live if each.absent_id}, active=True)
    for each in live:
        if each.absent_id:  # of their own role: what is lent to them, they do not lend on
            found[each.user_id] |= away.get(each.absent_id, frozenset())
        elif each.role in roles:
            found[each.user_id] |= roles[each.role].permissions
    return found


def lasting(tenant: Tenant, users: Iterable[UUID], *, active: bool = False) -> dict[UUID, frozenset[str]]:
    """What the memberships of `users` give by themselves; of members (`active`: who can sign in) alone."""
    rows = Membership.objects.filter(tenant=tenant, user__in=users)
    rows = rows.filter(user__is_active=True) if active else rows
    members = dict(rows.values_list("user_id", "role"))
    roles = roles_of(tenant) if any(role not in TENANT_ROLES for role in members.values()) else TENANT_ROLES
    return {user: roles[role].permissions for user, role in members.items() if role in roles}


def _permissions() -> Any:
    return Permission.objects.filter(content_type__app_label="tenants", content_type__model="tenant")
