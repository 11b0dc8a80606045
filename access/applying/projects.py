"""The steps for projects: made, renamed, brought back, or (`prune`) archived; and what is set in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from access.applying.authority import Authority
from access.applying.places import Where, place_steps, unlisted_at
from access.applying.schema import Document, EnvironmentPart, KeyPart, PlacePart, ProjectPart
from access.applying.sending import not_granted, sending_steps
from access.applying.steps import Change, Step
from refusals.problems import Problem
from tenants.archiving import archive_project, restore_project
from tenants.models import ApiKey, Environment, Project, Tenant
from tenants.structure import change_project, create_project
from usage.limits.places import Place, of_environment, of_project, of_tenant


@dataclass
class Made:
    """What projects come to: steps, those that come after all others, and what is to be told."""

    steps: list[Step] = field(default_factory=list)
    last: list[Step] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def project_steps(document: Document, now: Document, tenant: Tenant, prune: bool, authority: Authority) -> Made:
    """All of them; nothing where the file does not speak of projects."""
    made = Made()
    if document.projects is None:
        return made
    there = {project.slug: project for project in now.projects or ()}
    rows = {} if tenant._state.adding else {row.slug: row for row in Project.objects.filter(tenant=tenant)}
    for wanted in document.projects:
        _one(made, wanted, there.get(wanted.slug), rows.get(wanted.slug), tenant, prune, authority)
    for slug in sorted(there.keys() - {project.slug for project in document.projects}):
        if prune:
            made.last.append(_archiving(tenant, rows[slug], authority))
        else:
            made.unlisted.append(f"the project {tenant.slug}/{slug}")
    return made


def _one(
    made: Made, wanted: ProjectPart, now: ProjectPart | None, row: Project | None, tenant: Tenant, prune: bool,
    authority: Authority,
) -> None:  # fmt: skip
    name = f"{tenant.slug}/{wanted.slug}"
    if row is None:
        if wanted.name is None:
            made.problems.append(Problem(wanted.line, f"The project “{wanted.slug}” is new and needs a name."))
        made.steps.append(_creating(name, wanted, authority))
    else:
        if row.archived_at is not None:
            made.steps.append(_restoring(name, row, authority))
            now = ProjectPart(row.slug, row.name, row.purpose)
        made.steps += _changing(name, wanted, row, authority)
    row = row or Project(tenant=tenant, slug=wanted.slug, name=wanted.name or wanted.slug)
    row.tenant = tenant
    now = now or ProjectPart(wanted.slug)
    whole = of_project(row, of_tenant(tenant))
    where = Where(whole, wanted.slug)
    made.steps += place_steps(where, wanted.place, now.place, prune, authority)
    if not prune:
        made.unlisted += unlisted_at(where, wanted.place, now.place)
    for part in wanted.environments:
        _inside(made, part, now.environment(part.kind), whole, prune, authority)


def _inside(
    made: Made, wanted: EnvironmentPart, now: EnvironmentPart, above: Place, prune: bool, authority: Authority
) -> None:
    project: Project = above.row
    environment = Environment(tenant=above.tenant, project=project, kind=wanted.kind)
    place = of_environment(environment, above)
    where = Where(place, project.slug, wanted.kind)
    made.steps += place_steps(where, wanted.place, now.place, prune, authority)
    if not prune:
        made.unlisted += unlisted_at(where, wanted.place, now.place)
    made.steps += sending_steps(where, wanted, now, authority)
    made.notes += not_granted(where, wanted, now)
    keys = {key.prefix: key for key in now.keys}
    for key in wanted.keys:
        _key(made, key, keys.get(key.prefix), place, prune, authority)


def _key(made: Made, wanted: KeyPart, now: KeyPart | None, above: Place, prune: bool, authority: Authority) -> None:
    if now is None:
        kept = " What the file sets for it is passed over." if wanted.place != PlacePart() else ""
        made.notes.append(
            f"The key “{wanted.name}” ({wanted.prefix}) is not in {above.path}, or works no more.{kept} A file makes "
            "no keys: issue one on the page of keys."
        )
        return
    key = ApiKey(tenant=above.tenant, environment=above.row, name=now.name, prefix=now.prefix)
    place = Place("key", key.pk, now.prefix, now.name, above, key)
    where = Where(place, above.row.project.slug, above.row.kind, now.prefix)
    made.steps += place_steps(where, wanted.place, now.place, prune, authority)
    if not prune:
        made.unlisted += unlisted_at(where, wanted.place, now.place)


def _creating(name: str, wanted: ProjectPart, authority: Authority) -> Step:
    called, purpose = wanted.name or wanted.slug, wanted.purpose or ""
    changes = tuple(Change(field, None, value) for field, value in (("name", called), ("purpose", purpose)) if value)

    def perform(tenant: Tenant, by: Any) -> None:
        create_project(tenant=tenant, slug=wanted.slug, name=called, purpose=purpose, by=by)

    return Step("create", "project", name, changes, perform, authority.over_tenant())


def _changing(name: str, wanted: ProjectPart, row: Project, authority: Authority) -> list[Step]:
    before = {"name": row.name, "purpose": row.purpose}
    given = {"name": wanted.name, "purpose": wanted.purpose}
    after = {field: before[field] if value is None else value for field, value in given.items()}
    changes = tuple(Change(field, before[field], after[field]) for field in before if before[field] != after[field])

    def perform(tenant: Tenant, by: Any) -> None:
        change_project(project=row, by=by, **after)

    return [Step("change", "project", name, changes, perform, authority.over_tenant())] if changes else []


def _restoring(name: str, row: Project, authority: Authority) -> Step:
    changes = (Change("state", "archived", "in use"),)

    def perform(tenant: Tenant, by: Any) -> None:
        restore_project(project=row, by=by)

    return Step("change", "project", name, changes, perform, authority.over_tenant())


def _archiving(tenant: Tenant, row: Project, authority: Authority) -> Step:
    changes = (Change("state", "in use", "archived"),)

    def perform(tenant: Tenant, by: Any) -> None:
        archive_project(project=row, by=by)

    return Step("remove", "project", f"{tenant.slug}/{row.slug}", changes, perform, authority.over_tenant())
