"""Where limits and budgets attach, and what lies above each place: a key in an environment in a project in a tenant.

A place is named as people know it: `acme`, `acme/checkout`, `acme/checkout/production`, or the prefix of a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q

from refusals.errors import Missing
from tenants import scoping
from tenants.models import ApiKey, Environment, Project, Tenant, User
from usage.limits.tables import Attached

Level = Literal["tenant", "project", "environment", "key"]
LEVELS: tuple[Level, ...] = ("tenant", "project", "environment", "key")
WITH_PLACES = ("tenant", "project__tenant", "environment__project__tenant", "key__environment__project__tenant")


@dataclass(frozen=True, slots=True)
class Place:
    """One place; `above` is the next wider one, None above a tenant."""

    level: Level
    id: UUID
    path: str
    name: str
    above: Place | None = None
    row: Any = None

    @property
    def chain(self) -> list[Place]:
        """This place and those above it, the narrowest first."""
        return [self, *(self.above.chain if self.above else [])]

    @property
    def tenant(self) -> Tenant:
        found: Tenant = self.chain[-1].row
        return found

    @property
    def project(self) -> Project | None:
        return next((place.row for place in self.chain if place.level == "project"), None)

    @property
    def environment(self) -> Environment | None:
        return next((place.row for place in self.chain if place.level == "environment"), None)

    @property
    def attached(self) -> dict[str, Any]:
        """What a row of a limit or budget holds that attaches here."""
        names: dict[str, Any] = {"tenant": self.tenant, "project": None, "environment": None, "key": None}
        return names | {self.level: self.row}

    @property
    def words(self) -> str:
        """As a sentence names it: `the tenant Acme`, `production of Checkout`, `the key “CI”`."""
        match self.level:
            case "environment":
                return f"{self.row.kind} of {self.row.project.name}"
            case "key":
                return f"the key “{self.row.name}”"
        return f"the {self.level} {self.name}"


def of_tenant(tenant: Tenant) -> Place:
    return Place("tenant", tenant.pk, tenant.slug, tenant.name, None, tenant)


def of_project(project: Project, above: Place | None = None) -> Place:
    above = above or of_tenant(project.tenant)
    return Place("project", project.pk, f"{above.path}/{project.slug}", project.name, above, project)


def of_environment(environment: Environment, above: Place | None = None) -> Place:
    above = above or of_project(environment.project)
    return Place("environment", environment.pk, f"{above.path}/{environment.kind}", environment.get_kind_display(),
                 above, environment)  # fmt: skip


def of_key(key: ApiKey, above: Place | None = None) -> Place:
    above = above or of_environment(key.environment)
    return Place("key", key.pk, key.prefix, key.name, above, key)


def place_of(row: Attached) -> Place:
    """Where a limit or budget (read with `WITH_PLACES`) attaches."""
    if row.key is not None:
        return of_key(row.key)
    if row.environment is not None:
        return of_environment(row.environment)
    if row.project is not None:
        return of_project(row.project)
    return of_tenant(row.tenant)


def places_of(tenant: Tenant, keys: Iterable[UUID] = ()) -> list[Place]:
    """The tenant, its projects that are not archived with their environments, and those of `keys` that are its own and
    not revoked; in that order, each beneath what it belongs to. Two queries."""
    whole = of_tenant(tenant)
    rows = Environment.objects.filter(tenant=tenant, project__archived_at=None).select_related("project")
    by_project: dict[UUID, Place] = {}
    environments: dict[UUID, Place] = {}
    found: dict[UUID, list[Place]] = {}
    for row in rows.order_by("project__name", "project__pk", "created_at", "pk"):
        above = by_project.setdefault(row.project_id, of_project(row.project, whole))
        environments[row.pk] = of_environment(row, above)
        found.setdefault(row.project_id, []).append(environments[row.pk])
    held: dict[UUID, list[Place]] = {}
    for key in (
        ApiKey.objects.filter(tenant=tenant, pk__in=list(keys), revoked_at=None).order_by("name", "pk") if keys else ()
    ):
        if key.environment_id in environments:
            key.environment = environments[key.environment_id].row
            held.setdefault(key.environment_id, []).append(of_key(key, environments[key.environment_id]))
    listed = [whole]
    for project_id, inside in found.items():
        listed.append(by_project[project_id])
        for environment in sorted(inside, key=lambda each: list(Environment.Kind.values).index(each.row.kind)):
            listed += [environment, *held.get(environment.id, [])]
    return listed


def find_place(viewer: User, path: str, tenant: Tenant | None = None) -> Place:
    """The place called `path` that `viewer` may see (of `tenant`, where it is given).

    Raises `Missing`, `ClosedToYou`.
    """
    found = _by_prefix(viewer, path) if "_" in path else _by_path(viewer, path)
    if tenant is not None and found.tenant != tenant:
        raise _missing(path)
    return found


def _by_prefix(viewer: User, prefix: str) -> Place:
    rows = ApiKey.objects.select_related("environment__project__tenant", "environment__tenant")
    key = scoping.visible(viewer, rows).filter(prefix=prefix).first()
    if key is None:
        raise _missing(prefix)
    return of_key(key)


def _by_path(viewer: User, path: str) -> Place:
    slug, *rest = path.split("/")
    tenant = scoping.tenants_for(viewer).filter(slug=slug).first()
    if tenant is None:
        scoping.refuse_closed(viewer, slug)
    if tenant is None or len(rest) > 2:
        raise _missing(path)
    if not rest:
        return of_tenant(tenant)
    project = Project.objects.filter(tenant=tenant, slug=rest[0]).first()
    if project is None:
        raise _missing(path)
    project.tenant = tenant
    above = of_project(project, of_tenant(tenant))
    if len(rest) == 1:
        return above
    environment = Environment.objects.filter(Q(project=project) & Q(kind=rest[1])).first()
    if environment is None:
        raise _missing(path)
    environment.project, environment.tenant = project, tenant
    return of_environment(environment, above)


def _missing(path: str) -> Missing:
    return Missing(
        f"There is no “{path[:160]}”. Name a tenant, “tenant/project”, “tenant/project/production” or a key's prefix."
    )
