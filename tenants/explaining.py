"""Why somebody may do something at a place, or may not: the chain of what was looked at, from the account to the
roles in the tenant and in the project."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import FilteredRelation, OuterRef, Q
from django.db.models.functions import JSONObject

from refusals.errors import Invalid
from tenants.backends import as_who_asks
from tenants.elevations import Elevation
from tenants.holding import lasting
from tenants.models import Appointment, CustomRole, Environment, Membership, Project, ProjectRole, Tenant, User
from tenants.roles import PLATFORM_ROLES, PROJECT_PERMISSIONS, PROJECT_ROLES, TENANT_ROLES, Role
from tenants.scoping import held, project_of, tenant_of, words
from tenants.timing import live_of

type Explained = Tenant | Project | Environment

MAX_NAMED = 3  # of the people who could give what lacks
WITHIN = frozenset().union(*(role.permissions for role in TENANT_ROLES.values()))
KNOWN = sorted({p for roles in (TENANT_ROLES, PLATFORM_ROLES) for role in roles.values() for p in role.permissions})


class UnknownPermission(Invalid):
    code = "unknown_permission"


@dataclass(frozen=True)
class Link:
    """One thing that was looked at; `gives` says whether it gives the permission by itself."""

    sentence: str
    gives: bool


@dataclass(frozen=True)
class Explanation:
    """Whether `person` holds `permission`, in `tenant` or (None) above tenants, what was looked at, and what to do.

    `project` is where in the tenant it was asked for, of a permission that can be held in one project.
    """

    person: User
    permission: str
    words: str
    tenant: Tenant | None
    allowed: bool
    links: tuple[Link, ...]
    way: str
    project: Project | None = None

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        where = f"in {self.tenant}" if self.tenant else "above tenants"
        if self.project:
            where = f"in {self.project} of {self.tenant}"
        return f"{self.person} {'may' if self.allowed else 'may not'} “{self.words}” {where}."


def explain(person: User, permission: str, place: Explained | None = None) -> Explanation:
    """Explain `permission` (`tenants.manage_keys`, or `manage_keys`) at `place`. Raises `UnknownPermission`.

    One that is held above tenants alone is explained so whatever the place, and one of a tenant as a whole in it.
    """
    permission = known(permission)
    if permission not in WITHIN:
        place = None  # no role in a tenant gives it
    tenant = tenant_of(place) if place else None
    project = project_of(place) if place and permission in PROJECT_PERMISSIONS else None
    settled = as_who_asks(person.pk) or person
    found = _standing(person, tenant, project)
    links = list(_chain(person, permission, tenant, found))
    if project and person.is_active:
        links.append(_of_project(person, permission, project, found))
    asked = project or tenant
    allowed = permission in held(settled, asked) if asked else settled.is_active and settled.has_perm(permission)
    if allowed and not any(link.gives for link in links):
        links.append(Link("It was given to this person, or to a group of theirs, outside of the table of roles.", True))
    way = "" if allowed else _way(person, permission, tenant, project, found)
    return Explanation(person, permission, words_of(permission), tenant, allowed, tuple(links), way, project)


@dataclass(frozen=True)
class _Standing:
    """What somebody is above tenants (the slugs of roles) and in the tenant and project that is asked about, and the
    roles that there are in the tenant."""

    above: list[str]
    roles: dict[str, Role]
    membership: Membership | None = None
    in_project: ProjectRole | None = None


def _standing(person: User, tenant: Tenant | None, project: Project | None) -> _Standing:
    """One query."""
    above = Appointment.objects.filter(user=OuterRef("pk")).order_by("created_at").values("role")
    rows: Any = User.objects.filter(pk=person.pk).annotate(above=ArraySubquery(above))
    if tenant:
        own = CustomRole.objects.filter(tenant=tenant)
        told = JSONObject(slug="slug", name="name", sentence="sentence", permissions="permissions")
        here = FilteredRelation("memberships", condition=Q(memberships__tenant=tenant))
        rows = rows.annotate(own=ArraySubquery(own.values(told=told)), here=here).select_related("here__created_by")
    if project:
        there = FilteredRelation("project_roles", condition=Q(project_roles__project=project))
        rows = rows.annotate(there=there).select_related("there__created_by")
    row = rows.get()
    joined = vars(row)  # a relation that leads to nothing is not even set
    own_roles = {each["slug"]: CustomRole(**each).role for each in row.own} if tenant else {}
    return _Standing(
        row.above, TENANT_ROLES | own_roles, joined.get("here"), joined.get("there"),
    )  # fmt: skip


def known(permission: str) -> str:
    """`app.codename` of a permission that a role gives, also named by its codename. Raises `UnknownPermission`."""
    asked = permission.strip()
    for name in KNOWN:
        if asked in (name, name.partition(".")[2]):
            return name
    near = get_close_matches(asked, [*KNOWN, *(name.partition(".")[2] for name in KNOWN)], n=1)
    hint = f"Did you mean “{near[0]}”?" if near else f"Known are {', '.join(KNOWN)}."
    raise UnknownPermission(f"No role gives a permission “{asked[:100]}”. {hint}", field="permission")


def words_of(permission: str) -> str:
    """What a permission allows, as people read it."""
    if permission in WITHIN:
        return words(permission)
    app, _, codename = permission.partition(".")
    rows = Permission.objects.filter(content_type__app_label=app, codename=codename)
    found = rows.exclude(content_type__model="project").values_list("name", flat=True)
    name = found.first() or codename.replace("_", " ")
    return name.removeprefix("Can ")


def _chain(person: User, permission: str, tenant: Tenant | None, found: _Standing) -> list[Link]:
    if not person.is_active:
        return [Link(f"The account {person.username} is switched off, so it may nothing at all.", False)]
    links = []
    if person.is_superuser:
        links.append(Link(f"{person} is a superuser, made at the command line: they may everything.", True))
    for role in map(PLATFORM_ROLES.__getitem__, found.above):
        links.append(_of_role(role, permission, f"{person} has the role {role.name} above tenants"))
    if not found.above:
        links.append(Link(f"{person} has no role above tenants.", False))
    if tenant:
        links.append(_of_membership(person, permission, tenant, found))
        links += [_of_elevation(each, permission, found) for each in live_of(tenant, [person.pk])]
    return links


def _of_membership(person: User, permission: str, tenant: Tenant, found: _Standing) -> Link:
    membership = found.membership
    if membership is None:
        return Link(f"{person} is not a member of {tenant}.", False)
    by = f", given by {membership.created_by}" if membership.created_by else ""
    since = f"{membership.created_at:%d %b %Y}".lstrip("0")
    role = found.roles.get(membership.role)
    if role is None:
        return Link(f"{person} is {membership.role} of {tenant}, which is no role any more.", False)
    own = " (a role that it made for itself)" if role.slug not in TENANT_ROLES else ""
    return _of_role(role, permission, f"{person} is {role.name} of {tenant}{own} since {since}{by}")


def _of_elevation(elevation: Elevation, permission: str, found: _Standing) -> Link:
    until = f"until {elevation.ends_at:%-d %b %Y, %H:%M} UTC"
    tenant, absent = elevation.tenant, elevation.absent
    if absent is None:
        role = found.roles.get(elevation.role)
        by = f", given by {elevation.answered_by}" if elevation.answered_by else ""
        how = f"{elevation.user} has the role {elevation.role} of {tenant} for a time, {until}{by}"
        return _of_role(role, permission, how) if role else Link(f"{how}. There is no such role any more.", False)
    gives = permission in lasting(tenant, [absent.pk], active=True).get(absent.pk, frozenset())
    told = "gives it" if gives else "does not give it"
    return Link(f"{elevation.user} stands in for {absent} in {tenant} {until}. The role of {absent} {told}.", gives)


def _of_project(person: User, permission: str, project: Project, found: _Standing) -> Link:
    given = found.in_project
    if given is None:
        return Link(f"{person} has no role of their own in {project}.", False)
    by = f", given by {given.created_by}" if given.created_by else ""
    since = f"{given.created_at:%d %b %Y}".lstrip("0")
    role = PROJECT_ROLES[given.role]
    return _of_role(role, permission, f"{person} is {role.name} in {project} since {since}{by}")


def _of_role(role: Role, permission: str, how: str) -> Link:
    gives = permission in role.permissions
    return Link(f"{how}. {role.name} {'includes it' if gives else 'does not include it'}.", gives)


def _way(person: User, permission: str, tenant: Tenant | None, project: Project | None, found: _Standing) -> str:
    """What would give it, and who could do that."""
    if not person.is_active:
        return f"The platform team can switch the account on again: {_named(_platform_team())}."
    inside = [role.name for role in found.roles.values() if permission in role.permissions] if tenant else []
    if tenant and inside:
        owners = User.objects.filter(is_active=True, memberships__tenant=tenant, memberships__role="owner")
        return (
            f"In {tenant} it comes with the role{'s' * (len(inside) > 1)} {_or(inside)}. "
            f"An owner of {tenant} can give one: {_named(list(owners.order_by('username')))}."
            f"{_way_into(permission, project) if project and found.membership else ''}"
        )
    above = [role.name for role in PLATFORM_ROLES.values() if permission in role.permissions]
    return (
        f"It comes with the role{'s' * (len(above) > 1)} {_or(above)} above tenants. "
        f"The platform team can give one: {_named(_platform_team())}."
    )


def _way_into(permission: str, project: Project) -> str:
    """What would give it in `project` alone, to a member."""
    roles = [role.name for role in PROJECT_ROLES.values() if permission in role.permissions]
    return f" In {project} alone it comes with {_or(roles)} there, on the page of the project."


def _platform_team() -> list[User]:
    return list(User.objects.filter(is_active=True, appointments__role="platform").order_by("username"))


def _named(people: list[User]) -> str:
    shown = ", ".join(str(person) for person in people[:MAX_NAMED])
    more = len(people) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown or "nobody holds that role now"


def _or(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
