"""The one place that answers "which rows may this person see?" and "may they do this here?".

*Here* is a tenant, or a project, environment or key in it: what is held in the tenant is held everywhere in it, what is
held by a role in one project (`tenants.roles.PROJECT_ROLES`) in that project alone. Views, API, exports and search ask
here and nowhere else. A row outside the answer does not exist for the person (404, never 403).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from guardian.shortcuts import get_users_with_perms

from refusals.errors import Forbidden, Missing
from tenants.kept_holdings import holdings_of
from tenants.models import ApiKey, Environment, Project, Tenant, User
from tenants.owned import path_to_tenant, paths_to_project
from tenants.roles import PROJECT_PERMISSIONS
from tenants.scope import closed_to
from tenants.security.closing import Closed

VIEW = "tenants.view_tenant"

type Place = Tenant | Project | Environment | ApiKey


def tenants_for(viewer: User, permission: str = VIEW) -> QuerySet[Tenant]:
    """The tenants in which `viewer` holds `permission`, by membership or by a role above tenants."""
    return visible(viewer, Tenant.objects.all(), permission)


@dataclass(frozen=True)
class Places:
    """The keys of tenants, and of single projects."""

    tenants: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()


def places_for(viewer: User, permission: str) -> Places:
    """Where `viewer` holds `permission` by membership, and where by a role in a project; not what is closed to them."""
    if not viewer.is_authenticated or not viewer.is_active:
        return Places()
    holdings, closed = holdings_of(viewer), _closed_keys(viewer)
    projects = holdings.projects_with(permission) if permission in PROJECT_PERMISSIONS else frozenset()
    if closed and projects:
        open_ones = Project.objects.filter(pk__in=projects).exclude(tenant__in=closed)
        projects = frozenset(open_ones.order_by().values_list("pk", flat=True))
    return Places(holdings.tenants_with(permission) - closed, projects)


def visible[M: Model](viewer: User, rows: QuerySet[M], permission: str = VIEW) -> QuerySet[M]:
    """`rows` of a tenant-owned model cut down to the tenants and projects in which `viewer` holds `permission`."""
    path = path_to_tenant(rows.model)
    if viewer.is_active and viewer.has_perm(permission):  # held above tenants: no list of tenants is needed
        closed = _closed_keys(viewer)
        return rows.exclude(**{f"{path}__in": closed}) if closed else rows
    places = places_for(viewer, permission)
    wanted = Q(**{f"{path}__in": places.tenants})
    for to_project in paths_to_project(rows.model) if places.projects else ():
        wanted |= Q(**{f"{to_project}__in": places.projects})
    return rows.filter(wanted)


def find_tenant(viewer: User, slug: str, permission: str = VIEW) -> Tenant:
    """The tenant called `slug`. Raises `Missing` to who may not see it, `Forbidden` where `permission` lacks, and
    `ClosedToYou` to a member to whom it is closed now."""
    tenant = tenants_for(viewer).filter(slug=slug).first()
    if tenant is None:
        refuse_closed(viewer, slug)
        raise Missing(f"There is no tenant “{slug}”, or you are not a member of it.")
    if permission != VIEW:  # which was asked for already
        require(viewer, permission, tenant)
    return tenant


def find_project(viewer: User, path: str, permission: str = VIEW) -> Project:
    """The project `tenant/project`, with the refusals of `find_environment`."""
    tenant_slug, _, slug = path.partition("/")
    tenant = find_tenant(viewer, tenant_slug)
    project = Project.objects.filter(tenant=tenant, slug=slug).select_related("tenant").first()
    if project is None:
        raise Missing(f"There is no project “{path}”.")
    if permission != VIEW:
        require(viewer, permission, project)
    return project


def find_environment(viewer: User, path: str, permission: str = VIEW) -> Environment:
    """The environment `tenant/project/kind`. Raises `Missing` to who may not see its tenant or where there is none,
    `Forbidden` where `permission` lacks there."""
    tenant_slug, _, rest = path.partition("/")
    project_slug, _, kind = rest.partition("/")
    tenant = find_tenant(viewer, tenant_slug)
    environment = (
        Environment.objects.filter(tenant=tenant, project__slug=project_slug, kind=kind)
        .select_related("tenant", "project")
        .first()
    )
    if environment is None:
        raise Missing(f"There is no environment “{path}”.")
    if permission != VIEW:
        require(viewer, permission, environment)
    return environment


def may(viewer: User, permission: str, place: Place) -> bool:
    """Whether `viewer` holds `permission` at `place`: there, in its tenant, or above tenants."""
    if not viewer.is_active:
        return False
    if viewer.has_perm(permission):
        return True
    tenant = tenant_of(place)
    if _closed(viewer, tenant):
        return False
    project = project_of(place) if permission in PROJECT_PERMISSIONS else None
    return viewer.has_perm(permission, tenant) or (project is not None and viewer.has_perm(permission, project))


def tenant_of(place: Place) -> Tenant:
    """The tenant that `place` is in."""
    return place if isinstance(place, Tenant) else place.tenant


def project_of(place: Place) -> Project | None:
    """The project that `place` is, or is in; None for a tenant."""
    match place:
        case Project():
            return place
        case Environment():
            return place.project
        case ApiKey():
            return place.environment.project
    return None


def members_who_may(permission: str, place: Place) -> QuerySet[User]:
    """The active people who hold `permission` at `place` by membership or by a role in its project (people above
    tenants are not among them)."""
    codename, project = _codename(permission), project_of(place)
    holders: Any = get_users_with_perms(tenant_of(place), only_with_perms_in=[codename])
    if project is not None and permission in PROJECT_PERMISSIONS:
        there: Any = get_users_with_perms(project, only_with_perms_in=[codename])
        holders = User.objects.filter(Q(pk__in=holders.values("pk")) | Q(pk__in=there.values("pk")))
    found: QuerySet[User] = holders.filter(is_active=True, is_service=False)
    return found


def people_above_who_may(permission: str) -> QuerySet[User]:
    """The active people who hold `permission` above tenants."""
    found: QuerySet[User] = User.objects.with_perm(permission, backend="tenants.backends.AccountBackend")
    return found


def held(viewer: User, place: Place) -> frozenset[str]:
    """Every permission that `viewer` holds at `place`, by membership, by a role in its project or above tenants."""
    return held_within(viewer, tenant_of(place)).at(place)


@dataclass(frozen=True)
class Held:
    """What somebody holds in all of a tenant, and by roles in its projects in each of them alone (by their keys)."""

    in_tenant: frozenset[str] = frozenset()
    in_projects: dict[UUID, frozenset[str]] = field(default_factory=dict)

    def at(self, place: Place) -> frozenset[str]:
        """Every permission at `place` of the tenant."""
        project = project_of(place)
        return self.in_tenant | self.in_projects.get(project.pk, frozenset()) if project else self.in_tenant

    @property
    def anywhere(self) -> frozenset[str]:
        """Every permission that is held at some place of the tenant."""
        return self.in_tenant.union(*self.in_projects.values())


def held_within(viewer: User, tenant: Tenant) -> Held:
    """What `viewer` holds in `tenant` and in its projects, by membership, by roles there or above tenants, asked at
    once for a page."""
    if not viewer.is_authenticated or not viewer.is_active or _closed(viewer, tenant):
        return Held()
    holdings = holdings_of(viewer)
    in_tenant = holdings.in_tenant(tenant.pk) | viewer.get_all_permissions()
    in_projects = holdings.by_project()
    if in_projects:
        here = set(Project.objects.filter(tenant=tenant, pk__in=in_projects).values_list("pk", flat=True))
        in_projects = {key: held for key, held in in_projects.items() if key in here}
    return Held(in_tenant, in_projects)


def require(viewer: User, permission: str, place: Place) -> None:
    """Raise `Missing` for a stranger and `Forbidden` for a member without `permission` at `place`."""
    if may(viewer, permission, place):
        return
    if closed := _closed(viewer, tenant_of(place)):
        raise closed.refusal()
    if not may(viewer, VIEW, tenant_of(place)):
        raise Missing("There is no such thing, or it belongs to another tenant.")
    raise lacking(permission, place)


def refuse_closed(viewer: User, slug: str) -> None:
    """Raise `ClosedToYou` where the tenant called `slug` is one of `viewer`'s that is closed to them now."""
    for closed in closed_to(viewer):
        if closed.asked.slug == slug:
            raise closed.refusal()


def _closed_keys(viewer: User) -> frozenset[UUID]:
    return frozenset(each.asked.tenant for each in closed_to(viewer))


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


def lacking(permission: str, place: Place) -> Forbidden:
    """The refusal that names `permission`, where it lacks and who can give it."""
    tenant, project = tenant_of(place), project_of(place)
    there = f"{project.name} of {tenant.name}" if project and permission in PROJECT_PERMISSIONS else tenant.name
    return Forbidden(
        f"This needs the permission “{words(permission)}” in {there}. An owner of {tenant.name} can give it.",
        way_out=tenant.get_absolute_url(),
        permission=permission,
        tenant=tenant.slug,
    )


def words(permission: str) -> str:
    """What a permission allows, as people read it."""
    codename = _codename(permission)
    return str(_NAMED.get(codename, codename.replace("_", " ")))


_NAMED = {"view_tenant": "See the tenant and its projects", **dict(Tenant._meta.permissions)}


def _codename(permission: str) -> str:
    """A permission that is declared on tenants and on projects is told apart by what it is asked of."""
    return permission.partition(".")[2]
