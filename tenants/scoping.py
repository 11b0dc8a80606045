"""The one place that answers "which rows may this person see?".

Views, API, exports and search ask here and nowhere else. A row outside the answer does not exist for the person
(404, never 403).
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import get_objects_for_user, get_users_with_perms

from refusals.errors import Forbidden, Missing
from tenants.models import Environment, Tenant, User
from tenants.owned import path_to_tenant
from tenants.scope import closed_to
from tenants.security.closing import Closed


def tenants_for(viewer: User, permission: str = "tenants.view_tenant") -> QuerySet[Tenant]:
    """The tenants in which `viewer` holds `permission`, by membership or by a role above tenants."""
    if not viewer.is_authenticated or not viewer.is_active:
        return Tenant.objects.none()
    found: QuerySet[Tenant] = get_objects_for_user(viewer, permission, Tenant, with_superuser=True)
    closed = closed_to(viewer)
    return found.exclude(pk__in=[each.asked.tenant for each in closed]) if closed else found


def visible[M: Model](viewer: User, rows: QuerySet[M], permission: str = "tenants.view_tenant") -> QuerySet[M]:
    """`rows` of a tenant-owned model cut down to the tenants in which `viewer` holds `permission`."""
    path = path_to_tenant(rows.model)
    if viewer.is_active and viewer.has_perm(permission):  # held above tenants: no list of tenants is needed
        return rows
    return rows.filter(**{f"{path}__in": tenants_for(viewer, permission).values("pk")})


def find_tenant(viewer: User, slug: str, permission: str = "tenants.view_tenant") -> Tenant:
    """The tenant called `slug`. Raises `Missing` to who may not see it, `Forbidden` where `permission` lacks, and
    `ClosedToYou` to a member to whom it is closed now."""
    tenant = tenants_for(viewer).filter(slug=slug).first()
    if tenant is None:
        refuse_closed(viewer, slug)
        raise Missing(f"There is no tenant “{slug}”, or you are not a member of it.")
    if permission != "tenants.view_tenant":  # which was asked for already
        require(viewer, permission, tenant)
    return tenant


def find_environment(viewer: User, path: str, permission: str = "tenants.view_tenant") -> Environment:
    """The environment `tenant/project/kind`, with the refusals of `find_tenant`."""
    tenant_slug, _, rest = path.partition("/")
    project_slug, _, kind = rest.partition("/")
    tenant = find_tenant(viewer, tenant_slug, permission)
    environment = (
        Environment.objects.filter(tenant=tenant, project__slug=project_slug, kind=kind)
        .select_related("tenant", "project")
        .first()
    )
    if environment is None:
        raise Missing(f"There is no environment “{path}”.")
    return environment


def may(viewer: User, permission: str, tenant: Tenant) -> bool:
    """Whether `viewer` holds `permission` in `tenant` or above tenants."""
    if not viewer.is_active:
        return False
    return viewer.has_perm(permission) or (not _closed(viewer, tenant) and viewer.has_perm(permission, tenant))


def members_who_may(permission: str, tenant: Tenant) -> QuerySet[User]:
    """The active people who hold `permission` in `tenant` by membership (people above tenants are not among them)."""
    codename = permission.partition(".")[2]
    holders: Any = get_users_with_perms(tenant, only_with_perms_in=[codename])
    found: QuerySet[User] = holders.filter(is_active=True, is_service=False)
    return found


def people_above_who_may(permission: str) -> QuerySet[User]:
    """The active people who hold `permission` above tenants."""
    found: QuerySet[User] = User.objects.with_perm(permission, backend="tenants.backends.AccountBackend")
    return found


def held(viewer: User, tenant: Tenant) -> frozenset[str]:
    """Every permission that `viewer` holds in `tenant`, by membership or above tenants, asked at once for a page."""
    if not viewer.is_authenticated or not viewer.is_active or _closed(viewer, tenant):
        return frozenset()
    here = {"permission__content_type__app_label": "tenants", "permission__content_type__model": "tenant",
            "object_pk": str(tenant.pk)}  # fmt: skip
    own = UserObjectPermission.objects.filter(user=viewer, **here).values_list("permission__codename")
    of_groups = GroupObjectPermission.objects.filter(group__user=viewer, **here).values_list("permission__codename")
    in_tenant = {f"tenants.{codename}" for (codename,) in own.union(of_groups)}
    return frozenset(in_tenant | viewer.get_all_permissions())


def require(viewer: User, permission: str, tenant: Tenant) -> None:
    """Raise `Missing` for a stranger and `Forbidden` for a member without `permission`."""
    if may(viewer, permission, tenant):
        return
    if closed := _closed(viewer, tenant):
        raise closed.refusal()
    if not may(viewer, "tenants.view_tenant", tenant):
        raise Missing("There is no such thing, or it belongs to another tenant.")
    raise lacking(permission, tenant)


def refuse_closed(viewer: User, slug: str) -> None:
    """Raise `ClosedToYou` where the tenant called `slug` is one of `viewer`'s that is closed to them now."""
    for closed in closed_to(viewer):
        if closed.asked.slug == slug:
            raise closed.refusal()


def _closed(viewer: User, tenant: Tenant) -> Closed | None:
    return next((each for each in closed_to(viewer) if each.asked.tenant == tenant.pk), None)


def require_above(viewer: User, permission: str) -> None:
    """Raise `Forbidden` unless `viewer` holds `permission` above tenants."""
    if not viewer.has_perm(permission):
        allowed = _ABOVE.get(permission, words(permission))
        raise Forbidden(
            f"This is for people who may “{allowed}”. The platform team gives this role.", permission=permission
        )


_ABOVE = {
    "tenants.add_tenant": "create tenants",
    "tenants.view_user": "see everybody",
    "tenants.change_user": "appoint and switch off people",
}


def lacking(permission: str, tenant: Tenant) -> Forbidden:
    """The refusal that names `permission`, where it lacks and who can give it."""
    return Forbidden(
        f"This needs the permission “{words(permission)}” in {tenant.name}. An owner of {tenant.name} can give it.",
        way_out=tenant.get_absolute_url(),
        permission=permission,
        tenant=tenant.slug,
    )


def words(permission: str) -> str:
    """What a permission allows, as people read it."""
    codename = permission.partition(".")[2]
    return str(dict(Tenant._meta.permissions).get(codename, codename.replace("_", " ")))
