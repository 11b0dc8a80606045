"""Who may give which role: nobody gives or takes what reaches further than their own place in the tenant."""

from __future__ import annotations

from refusals.errors import Forbidden
from tenants.models import Membership, Tenant, User
from tenants.roles import TENANT_ROLES, Role
from tenants.scoping import lacking

MANAGE_TENANT = "tenants.manage_tenant"
MANAGE_MEMBERS = "tenants.manage_members"


class RoleAboveYours(Forbidden):
    """Only who answers for the tenant makes and unmakes those who answer for it."""

    code = "role_above_yours"


def assignable(held: frozenset[str]) -> list[Role]:
    """The roles that a holder of these permissions may give, change and take."""
    if MANAGE_MEMBERS not in held:
        return []
    return [r for r in TENANT_ROLES.values() if MANAGE_TENANT in held or MANAGE_TENANT not in r.permissions]


def require_removable(held: frozenset[str], viewer: User, membership: Membership) -> None:
    """Raise unless `viewer` may end `membership`: everybody their own, who manages members those they may give."""
    if membership.user_id == viewer.pk:
        return
    if MANAGE_MEMBERS not in held:
        raise lacking(MANAGE_MEMBERS, membership.tenant)
    require_assignable(held, membership.tenant, membership.role)


def require_assignable(held: frozenset[str], tenant: Tenant, *roles: str) -> None:
    """Raise `RoleAboveYours` unless each of `roles` (unknown ones pass) may be given and taken by the holder."""
    allowed = {role.slug for role in assignable(held)}
    for role in roles:
        if role in TENANT_ROLES and role not in allowed:
            raise RoleAboveYours(
                f"Only an owner of {tenant.name} or the platform team makes or unmakes an owner. "
                f"You may give: {', '.join(TENANT_ROLES[slug].name for slug in TENANT_ROLES if slug in allowed)}.",
                way_out=f"/tenants/{tenant.slug}/members/",
                permission=MANAGE_TENANT,
                tenant=tenant.slug,
                field="role",
            )
