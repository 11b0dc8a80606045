"""Who may give which role: nobody gives or takes what reaches further than their own place in the tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from refusals.errors import Forbidden
from tenants.custom_roles import roles_of
from tenants.holding import lasting
from tenants.models import Membership, Project, ProjectRole, Tenant, User
from tenants.roles import PROJECT_ROLES, TENANT_ROLES, Role
from tenants.scoping import held as held_by
from tenants.scoping import held_within, lacking

MANAGE_TENANT = "tenants.manage_tenant"
MANAGE_MEMBERS = "tenants.manage_members"
NAMES_OWNERS = "tenants.add_tenant"  # above tenants: who makes tenants gives them their owners, and so every role


class RoleAboveYours(Forbidden):
    """Nobody makes and unmakes those who may do more than they."""

    code = "role_above_yours"


class ForATime(Forbidden):
    """Who has a role for a time, or stands in, does nothing for good with it that cannot be taken back."""

    code = "held_for_a_time"


def gives(viewer: User, tenant: Tenant) -> frozenset[str]:
    """The permissions that `viewer` may pass on in `tenant`: those that their membership and roles above tenants give.

    What is held for a time is not given for good, nor to somebody else for longer.
    """
    return lasting(tenant, [viewer.pk]).get(viewer.pk, frozenset()) | viewer.get_all_permissions()


def require_for_good(viewer: User, permission: str, tenant: Tenant) -> None:
    """Raise unless `viewer` holds `permission` other than for a time: for what cannot be taken back."""
    if permission not in gives(viewer, tenant):
        raise ForATime(
            f"You hold this in {tenant.name} for a time, and it cannot be taken back: an owner does it.",
            permission=permission, tenant=tenant.slug,
        )  # fmt: skip


def require_every_role(viewer: User, tenant: Tenant) -> None:
    """Raise `RoleAboveYours` unless `viewer` may give and take every role of `tenant`, for good."""
    own = gives(viewer, tenant)
    if NAMES_OWNERS not in own and not TENANT_ROLES["owner"].permissions <= own:
        raise RoleAboveYours(
            f"What comes by a directory gives and takes any role of {tenant.name}, so an owner connects it, by their "
            "own membership, or the platform team.",
            permission=MANAGE_TENANT, tenant=tenant.slug,
        )  # fmt: skip


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
    own = passed_on(viewer, tenant, held)
    return [role for role in (known or roles_of(tenant)).values() if may_give(own, role.permissions)]


def passed_on(viewer: User, tenant: Tenant, held: frozenset[str]) -> frozenset[str]:
    """What `viewer`, who holds `held` in `tenant`, may pass on there (`gives`); asked for only where it may be less."""
    is_plain = NAMES_OWNERS in held or not getattr(viewer, "_is_timed", True)  # (read with who signed in)
    return held if is_plain else gives(viewer, tenant)


def may_give(own: frozenset[str], permissions: Collection[str]) -> bool:
    """Whether who may pass on `own` may give a role of `permissions`."""
    return NAMES_OWNERS in own or own.issuperset(permissions)


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
                f"You may give: {', '.join(each.name for each in allowed.values()) or 'none'}.",
                way_out=f"/tenants/{tenant.slug}/members/",
                permission=MANAGE_TENANT,
                tenant=tenant.slug,
                field="role",
            )


def gives_at(viewer: User, project: Project) -> frozenset[str]:
    """The permissions that `viewer` may pass on in `project`: those of the tenant, and those of their role there."""
    in_projects = held_within(viewer, project.tenant).in_projects
    return gives(viewer, project.tenant) | in_projects.get(project.pk, frozenset())


def assignable_in_project(held: frozenset[str]) -> list[Role]:
    """The roles of a project that a holder of these permissions there (`gives_at`) may give, change and take: who
    manages its members those that give no more than they hold, who makes tenants all of them."""
    if MANAGE_MEMBERS not in held:
        return []
    return [role for role in PROJECT_ROLES.values() if NAMES_OWNERS in held or role.permissions <= held]


def require_assignable_in_project(held: frozenset[str], project: Project, *roles: str) -> None:
    """Raise `Forbidden` unless each of `roles` (unknown ones pass) may be given and taken in `project`."""
    if MANAGE_MEMBERS not in held:
        raise lacking(MANAGE_MEMBERS, project)
    allowed = {role.slug for role in assignable_in_project(held)}
    for role in roles:
        if role in PROJECT_ROLES and role not in allowed:
            what = "an owner" if role == "owner" else PROJECT_ROLES[role].name
            named = ", ".join(PROJECT_ROLES[slug].name for slug in PROJECT_ROLES if slug in allowed)
            raise RoleAboveYours(
                f"Only an owner of {project.name} or of {project.tenant.name} makes or unmakes {what} of the project."
                f" You may give: {named or 'none'}.",
                way_out=f"/tenants/{project.tenant.slug}/projects/{project.pk}/roles/",
                permission=MANAGE_TENANT,
                tenant=project.tenant.slug,
                field="role",
            )


def require_endable(held: frozenset[str], viewer: User, given: ProjectRole) -> None:
    """Raise unless `viewer` may end a role in a project: everybody their own, who manages its members those they may
    give."""
    if given.user_id != viewer.pk:
        require_assignable_in_project(held, given.project, given.role)
