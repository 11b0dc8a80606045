"""Who may give which role: nobody gives or takes what reaches further than their own place in the tenant."""

from __future__ import annotations

from collections.abc import Mapping

from refusals.errors import Forbidden
from tenants.custom_roles import roles_of
from tenants.models import Membership, Tenant, User
from tenants.roles import Role
from tenants.scoping import held as held_by
from tenants.scoping import lacking

MANAGE_TENANT = "tenants.manage_tenant"
MANAGE_MEMBERS = "tenants.manage_members"
NAMES_OWNERS = "tenants.add_tenant"  # above tenants: who makes tenants gives them their owners, and so every role


class RoleAboveYours(Forbidden):
    """Nobody makes and unmakes those who may do more than they."""

    code = "role_above_yours"


def gives(viewer: User, tenant: Tenant) -> frozenset[str]:
    """The permissions that `viewer` may pass on in `tenant`: those they hold."""
    return held_by(viewer, tenant)


def assignable(
    viewer: User, tenant: Tenant, held: frozenset[str] | None = None, known: Mapping[str, Role] | None = None
) -> list[Role]:
    """The roles of `tenant` that `viewer` may give, change and take; `held` is what they hold there and `known` the
    roles that there are, where that was read already.

    Of the built-in ones an owner gives all and an admin all but the owner's.
    """
    held = held_by(viewer, tenant) if held is None else held
    if MANAGE_MEMBERS not in held:
        return []
    return [role for role in (known or roles_of(tenant)).values() if NAMES_OWNERS in held or role.permissions <= held]


def require_removable(viewer: User, membership: Membership, held: frozenset[str] | None = None) -> None:
    """Raise unless `viewer` may end `membership`: everybody their own, who manages members those they may give."""
    if membership.user_id == viewer.pk:
        return
    tenant = membership.tenant
    held = held_by(viewer, tenant) if held is None else held
    if MANAGE_MEMBERS not in held:
        raise lacking(MANAGE_MEMBERS, tenant)
    require_assignable(viewer, tenant, held, membership.role)


def require_assignable(viewer: User, tenant: Tenant, held: frozenset[str] | None, *roles: str) -> None:
    """Raise `RoleAboveYours` unless each of `roles` (unknown ones pass) may be given and taken by `viewer`."""
    allowed = {role.slug: role for role in assignable(viewer, tenant, held)}
    if all(role in allowed for role in roles):
        return
    known = roles_of(tenant)
    for role in roles:
        if role in known and role not in allowed:
            what = "makes or unmakes an owner" if role == "owner" else f"gives or takes the role {known[role].name}"
            raise RoleAboveYours(
                f"Only an owner of {tenant.name} or the platform team {what}. "
                f"You may give: {', '.join(each.name for each in allowed.values())}.",
                way_out=f"/tenants/{tenant.slug}/members/",
                permission=MANAGE_TENANT,
                tenant=tenant.slug,
                field="role",
            )
