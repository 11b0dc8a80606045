"""What would have to be done so that a tenant is as a file says; nothing is done here."""

from __future__ import annotations

from typing import Any

from access.applying.authority import Authority
from access.applying.describing import describe
from access.applying.members import People, first_owner, member_steps
from access.applying.places import Where, place_steps, unlisted_at
from access.applying.project_roles import project_role_steps
from access.applying.projects import project_steps
from access.applying.roles import role_problems, role_steps, unlisted_roles
from access.applying.schema import Document, PlacePart
from access.applying.securing import security_steps
from access.applying.steps import Change, Plan, Step
from refusals.problems import FileNotUnderstood, Problem
from tenants.archiving import refuse_archived
from tenants.models import Tenant
from tenants.structure import change_tenant
from usage.limits.places import of_tenant

NEW = "A new tenant needs a name, and among its members an owner who has an account."


def plan(*, document: Document, tenant: Tenant, prune: bool, by: Any) -> Plan:
    """The steps for `tenant` (not saved: it is to be made) by `by`, with what they may not do marked.

    Raises `FileNotUnderstood` for what cannot be followed here, `TenantArchived`.
    """
    refuse_archived(tenant)
    now = Document(tenant.slug) if tenant._state.adding else describe(tenant)
    authority = Authority(by, tenant)
    problems: list[Problem] = []
    if document.slug != tenant.slug:
        sentence = f"The file is of “{document.slug}”, and this is {tenant.slug}."
        problems.append(Problem(document.lines.get("tenant", 0), sentence))
    steps = _tenant_steps(document, tenant, authority) + security_steps(document, now, authority)
    shaping, retiring = role_steps(document, tenant, prune, authority)
    steps += shaping
    unlisted = [] if prune else unlisted_roles(document, tenant)
    where = Where(of_tenant(tenant))
    steps += place_steps(where, document.place, now.place or PlacePart(), prune, authority)
    if not prune:
        unlisted += unlisted_at(where, document.place, now.place)
    made = project_steps(document, now, tenant, prune, authority)
    steps, unlisted, problems = steps + made.steps, unlisted + made.unlisted, problems + made.problems
    problems += role_problems(document, tenant, prune)
    of_projects = [part.person for project in document.projects or () for part in project.roles or ()]
    people = People.of(tenant, [*(part.person for part in document.members or ()), *of_projects])
    if document.members is not None:
        belonging, strangers = member_steps(document.members, people, prune, authority)
        steps, unlisted = steps + belonging, unlisted + strangers
    given, others = project_role_steps(document, tenant, people, prune, authority)
    steps, unlisted, problems = steps + given, unlisted + others, problems + people.problems
    if tenant._state.adding and (document.name is None or first_owner(document.members or (), people) is None):
        problems.append(Problem(document.lines.get("members", 0), NEW))
    if problems:
        raise FileNotUnderstood(problems)
    return Plan(tenant.slug, prune, tuple(steps + made.last + retiring), tuple(unlisted), tuple(made.notes))


def _tenant_steps(document: Document, tenant: Tenant, authority: Authority) -> list[Step]:
    given = {
        "name": document.name,
        "cost_centre": document.cost_centre,
        "is_discoverable": document.is_discoverable,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    is_new = tenant._state.adding
    before = {name: None if is_new else getattr(tenant, name) for name in wanted}
    changes = tuple(Change(name, before[name], value) for name, value in wanted.items() if before[name] != value)
    if is_new:
        return [Step("create", "tenant", tenant.slug, changes, lambda _tenant, _by: None)]
    if not changes:
        return []

    def perform(tenant: Tenant, by: Any) -> None:
        after = {name: wanted.get(name, getattr(tenant, name)) for name in given}
        change_tenant(tenant=tenant, by=by, **after)

    return [Step("change", "tenant", tenant.slug, changes, perform, authority.over_tenant())]
