"""Move a project to another tenant: what is used goes along, what was spent stays with who spent it (decision 22).

The project begins anew in the other tenant under its short name, with environments of its own, to which keys, grants,
requests and whatever else belongs to an environment are handed over. What it was stays where it was, archived, and
holds the ledger: a call belongs for ever to the tenant that pays for it. Rooms above say what they end before that
(`ends_with_a_move`); what hangs on an environment follows by itself, or says why not (`stays_behind`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants import scoping
from tenants.alike import looking_like
from tenants.archiving import refuse_archived
from tenants.assigning import end_roles_in
from tenants.changes import announce
from tenants.delegation import MANAGE_TENANT, require_for_good
from tenants.models import ApiKey, Environment, Project, Tenant, User
from tenants.notifications import notify
from tenants.owned import owned_models
from tenants.scope import only
from tenants.structure import SlugTaken, create_project, refuse_taken_project

MOST_NAMED = 5  # of the people whose roles end
KEEPING = "a project is moved from one tenant to another"


class SameTenant(Invalid):
    code = "same_tenant"


class DemonstrationStays(Conflict):
    """What is of the demonstration goes with it, and nothing real does."""

    code = "demonstration_stays"
    title = "The demonstration is kept apart"


@dataclass(frozen=True)
class Ending:
    """What of a room ends when a project moves: `told(project)` says it in sentences, `end(project, why, by)` does it,
    in the move's transaction, before anything is handed over. `lock(project)` takes the rows for it before."""

    told: Callable[[Project], list[str]]
    lock: Callable[[Project], None]
    end: Callable[[Project, str, User], None]


_endings: list[Ending] = []


def ends_with_a_move(ending: Ending) -> None:
    """Register what a room above ends."""
    if ending not in _endings:
        _endings.append(ending)


type Objection = Callable[[Project, Tenant, User], None]

_objections: list[Objection] = []


def asks_before_a_move(objection: Objection) -> None:
    """Let a room above refuse that a project is moved to a tenant by somebody."""
    if objection not in _objections:
        _objections.append(objection)


@dataclass(frozen=True)
class Along:
    """A kind of row that goes along, and how many."""

    model: type[Model]
    count: int

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    @property
    def words(self) -> str:
        """As “1 grant” or “1,200 requests”."""
        return f"{self.count:,} {self.model._meta.verbose_name if self.count == 1 else self.name}"


@dataclass(frozen=True)
class Preview:
    """What a move would do: what goes along, the keys among it that work now, what ends, and who sees it."""

    along: list[Along]
    keys: list[ApiKey]
    ends: list[str]
    lose: list[User]
    gain: list[User]


NOTHING = Preview([], [], [], [], [])  # of no tenant in particular


def targets(viewer: User, project: Project) -> QuerySet[Tenant]:
    """The tenants that `viewer` may move `project` to."""
    rows = scoping.tenants_for(viewer, MANAGE_TENANT).filter(archived_at=None)
    return rows.filter(is_demonstration=project.tenant.is_demonstration).exclude(pk=project.tenant_id)


def find_target(viewer: User, project: Project, slug: str) -> Tenant:
    """The tenant called `slug`, where `viewer` manages it. Raises `Missing`, `Forbidden`, `SameTenant`."""
    target = scoping.find_tenant(viewer, slug, MANAGE_TENANT)
    if target.pk == project.tenant_id:
        raise SameTenant(f"{project} is in {target} already. Choose another tenant.", field="to")
    return target


def preview(project: Project, target: Tenant) -> Preview:
    """What moving `project` to `target` would do. Raises what stands against it, as `move_project` does."""
    source = project.tenant
    with only(source, target, because=KEEPING):
        _refuse(project, source, target)
        environments = Environment.objects.filter(project=project)
        counted = [(model, rows.count()) for model, rows, _ in _following(project)]
        here, there = (
            User.objects.filter(memberships__tenant=tenant, is_active=True).order_by("display_name", "username")
            for tenant in (source, target)
        )
        return Preview(
            along=[Along(model, count) for model, count in counted if count],
            keys=list(ApiKey.objects.usable().filter(environment__in=environments).select_related("environment")),
            ends=[*_roles_told(project), *(sentence for ending in _endings for sentence in ending.told(project))],
            lose=list(here.exclude(pk__in=there.values("pk"))),
            gain=list(there.exclude(pk__in=here.values("pk"))),
        )


@transaction.atomic
def move_project(*, project: Project, to: Tenant, by: User) -> Project:
    """Move `project` to the tenant `to`; the project that it is there.

    `by` manages both tenants, the one that gives it away other than for a time. Raises `Missing`, `Forbidden`,
    `ForATime`, `SameTenant`, `SlugTaken`, `DemonstrationStays`, `TenantArchived`, `ProjectArchived`, and what rooms
    above refuse (`asks_before_a_move`). Keys work on, within a second as keys of the other tenant.
    """
    with only(project.tenant, to, because=KEEPING):
        both = {t.pk: t for t in Tenant.objects.select_for_update(no_key=True).order_by("pk")
                .filter(pk__in=(project.tenant_id, to.pk))}  # fmt: skip
        locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        source, target = both[locked.tenant_id], both[to.pk]
        for tenant in (source, target):
            scoping.require(by, MANAGE_TENANT, tenant)
        require_for_good(by, MANAGE_TENANT, source)  # who answers for it cannot take it back from the other tenant
        _refuse(locked, source, target)
        locked.tenant = source
        for refuse in _objections:
            refuse(locked, target, by)
        _lock(locked)
        lose = preview(locked, target).lose
        if _left_behind(locked, target) is None:
            refuse_taken_project(target, locked.slug)
        for ending in _endings:
            ending.end(locked, f"{locked} moves to {target}, where it can be asked for again.", by)
        end_roles_in(locked, because=f"{locked} moves to {target}.", by=by)
        made = _begin_anew(locked, target, by)
        working = _working_keys(locked)
        moved = _hand_over(locked, made)
        # Their holders stay where they are, and the keys work on: they are the environment's own from now on.
        ApiKey.objects.filter(pk__in=working).without_holder().update(holder=None)
        locked.archived_at, locked.moved_to = timezone.now(), f"{target.slug}/{made.slug}"
        locked.save(update_fields=["archived_at", "moved_to"])
        facts: dict[str, Any] = {"from": f"{source.slug}/{locked.slug}", "to": locked.moved_to, "moved": moved}
        record("project.moved", by=by, subject=locked, tenant=source.slug, **facts)
        record("project.arrived", by=by, subject=made, tenant=target.slug, **facts)
        _tell(source, target, made, lose, by)
        announce("tenant", source.pk, target.pk)
    return made


def _lock(project: Project) -> None:
    """Take every row that will change, before the first line of the audit is written: its end is one place, and who
    waits there may hold any of them. Requests before environments before what hangs on them, as votes and grants do."""
    for ending in _endings:
        ending.lock(project)
    list(Environment.objects.select_for_update(no_key=True).filter(project=project).order_by("pk"))
    for model, rows, _ in _following(project):
        taken = model._default_manager.filter(pk__in=rows.values("pk")).select_for_update(no_key=True)
        list(taken.order_by("pk").values_list("pk"))


def _refuse(project: Project, source: Tenant, target: Tenant) -> None:
    if source.pk == target.pk:
        raise SameTenant(f"{project} is in {target} already. Choose another tenant.", field="to")
    refuse_archived(source, project)
    refuse_archived(target)
    if source.is_demonstration != target.is_demonstration:
        raise DemonstrationStays("Projects of the demonstration stay in it, and real ones out of it.")
    if _left_behind(project, target) is None and looking_like(target.projects.all(), project.slug).exists():
        raise SlugTaken(
            f"{target} has a project “{project.slug}”, or one that looks like it. A short name stays, so one of the two"
            " cannot move there.",
            field="to",
        )


def _roles_told(project: Project) -> list[str]:
    people = [str(each.user) for each in project.roles.select_related("user").order_by("created_at")[: MOST_NAMED + 1]]
    named = ", ".join(people[:MOST_NAMED]) + (" and others" if people[MOST_NAMED:] else "")
    return [f"The roles that {named} {'has' if len(people) == 1 else 'have'} in this project alone."] if people else []


def _left_behind(project: Project, target: Tenant) -> Project | None:
    """The project that `target` gave away under this short name, to which it can come back."""
    return Project.objects.filter(tenant=target, slug=project.slug).exclude(moved_to="").first()


def _begin_anew(project: Project, target: Tenant, by: User) -> Project:
    before = _left_behind(project, target)
    if before is None:
        return create_project(tenant=target, slug=project.slug, name=project.name, purpose=project.purpose, by=by)
    before.name, before.purpose, before.archived_at, before.moved_to = project.name, project.purpose, None, ""
    before.save(update_fields=["name", "purpose", "archived_at", "moved_to"])
    return before


def _hand_over(project: Project, made: Project) -> dict[str, int]:
    """Give every row of the environments of `project` to those of `made`; how many of each kind."""
    moved: dict[str, int] = {}
    places = {place.kind: place for place in Environment.objects.filter(project=made)}
    for model, rows, kind in _following(project):
        count = 0
        if kind == "environment":
            for place in Environment.objects.filter(project=project):
                there = places[place.kind]
                with_it = {"project": made} if _has(model, "project", Project) else {}
                count += rows.filter(environment=place).update(environment=there, tenant=made.tenant, **with_it)
        else:  # it hangs on the project, or on a row that moved before it
            count = rows.update(tenant=made.tenant, **({"project": made} if kind == "project" else {}))
        if count:
            name = str(model._meta.verbose_name_plural)
            moved[name] = moved.get(name, 0) + count
    return moved


def _working_keys(project: Project) -> list[Any]:
    """The keys of `project` whose holder is there."""
    rows = ApiKey.objects.filter(environment__project=project)
    return list(rows.exclude(pk__in=rows.without_holder()).values_list("pk", flat=True))


def _following(project: Project) -> Iterator[tuple[type[Model], QuerySet[Any], str]]:
    """What goes along with `project`: each kind of row, its rows, and by what they hang on it.

    Those that hang on another row (`moves_with`) come first, while that row still is where it was.
    """
    models = [model for model in owned_models() if model not in (Environment, Project)]
    models = [model for model in models if not getattr(model, "stays_behind", "")]
    for model in models:
        if through := getattr(model, "moves_with", ""):
            on = {f"{through}__environment__project": project}
            found = model._default_manager.filter(**on).values("pk")
            yield model, model._default_manager.filter(pk__in=found), "another row"
    for model in models:
        if not _has(model, "tenant", Tenant):
            continue
        of_environments = _has(model, "environment", Environment)
        if of_environments:
            yield model, model._default_manager.filter(environment__project=project), "environment"
        if _has(model, "project", Project):
            rest: dict[str, Any] = {"environment": None} if of_environments else {}
            yield model, model._default_manager.filter(project=project, **rest), "project"


def _has(model: type[Model], name: str, leads_to: type[Model]) -> bool:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return isinstance(field, ForeignKey) and field.related_model is leads_to


def _tell(source: Tenant, target: Tenant, made: Project, lose: list[User], by: User) -> None:
    managers = {tenant: set(scoping.members_who_may(MANAGE_TENANT, tenant)) for tenant in (source, target)}
    notify(
        ({*lose, *managers[source]} - managers[target]) - {by},
        kind="tenant",
        title=f"{made} moved from {source} to {target}",
        body="Its keys and access went along. What it spent so far stays with you.",
        path=f"/tenants/{source.slug}/projects/?state=archived",
        tenant=source,
    )
    notify(
        managers[target] - {by},
        kind="tenant",
        title=f"{made} came from {source} to {target}",
        body="With its keys and access; what it spends from now on is yours.",
        path=f"/tenants/{target.slug}/projects/",
        tenant=target,
    )
