"""The steps for a tenant's own roles: made, changed, or (`prune`) retired; and whether the roles that members are given
are there at all."""

from __future__ import annotations

from typing import Any

from access.applying.authority import Authority
from access.applying.schema import Document, RolePart
from access.applying.steps import Change, Step
from access.applying.values import not_among
from refusals.problems import Problem
from tenants import role_making
from tenants.models import CustomRole, Tenant
from tenants.roles import TENANT_ROLES


def role_steps(document: Document, tenant: Tenant, prune: bool, authority: Authority) -> tuple[list[Step], list[Step]]:
    """What is to be made and changed, before anything else, and what is to be retired, after it."""
    there = {row.slug: row for row in _rows(tenant)}
    first = [step for part in document.roles or () for step in _wanted(part, there.get(part.slug), authority)]
    named = {part.slug for part in document.roles or ()}
    gone = [row for slug, row in there.items() if slug not in named] if prune and document.roles is not None else []
    return first, [_retiring(row, authority) for row in gone]


def unlisted_roles(document: Document, tenant: Tenant) -> list[str]:
    """The roles that are there and the file, which speaks of roles, does not name."""
    if document.roles is None:
        return []
    named = {part.slug for part in document.roles}
    return [f"the role {row.slug}" for row in _rows(tenant) if row.slug not in named]


def role_problems(document: Document, tenant: Tenant, prune: bool) -> list[Problem]:
    """Members with roles that there are not, and will not be."""
    own = [part.slug for part in document.roles or ()]
    if not (prune and document.roles is not None):
        own += [row.slug for row in _rows(tenant)]
    known = list(dict.fromkeys([*TENANT_ROLES, *own]))
    return [
        Problem(part.line, not_among("role", part.role, known))
        for part in document.members or ()
        if part.role not in known
    ]


def _rows(tenant: Tenant) -> list[CustomRole]:
    return [] if tenant._state.adding else list(CustomRole.objects.filter(tenant=tenant).select_related("tenant"))


def _wanted(part: RolePart, row: CustomRole | None, authority: Authority) -> list[Step]:
    held = RolePart(row.slug, row.name, row.sentence, tuple(row.permissions)) if row else None
    before, after = _told(held), _told(part)
    changes = tuple(Change(name, before.get(name), after[name]) for name in after if before.get(name) != after[name])
    if not changes:
        return []
    touched = {*part.whole, *(held.whole if held else ())} if held is None or part.whole != held.whole else set()

    def perform(tenant: Tenant, by: Any) -> None:
        given: dict[str, Any] = {"name": part.name, "sentence": part.sentence, "permissions": part.whole}
        if row is None:
            role_making.make(tenant=tenant, slug=part.slug, by=by, **given)
        else:
            role_making.change(role=row, by=by, seen=row.version, **given)

    refused = authority.over_making(frozenset(touched))
    return [Step("change" if row else "create", "role", part.slug, changes, perform, refused)]


def _retiring(row: CustomRole, authority: Authority) -> Step:
    def perform(_tenant: Tenant, by: Any) -> None:
        role_making.retire(role=row, by=by)

    return Step("remove", "role", row.slug, (Change("name", row.name, None),), perform, authority.over_tenant())


def _told(part: RolePart | None) -> dict[str, Any]:
    if part is None:
        return {}
    may = ", ".join(sorted(name.partition(".")[2] for name in part.whole))
    return {"name": part.name, "sentence": part.sentence, "may": may}
