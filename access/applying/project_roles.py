"""The steps for roles in projects: who is given one, gets another, or (`prune`) has it ended.

They come after those for members, as only a member holds one. Who is made less in the tenant by the same file, by
another role or as their role gives less, loses theirs with that, so what the file says of them is given anew.
"""

from __future__ import annotations

from typing import Any

from access.applying.authority import Authority
from access.applying.members import People
from access.applying.schema import Document, MemberPart, ProjectPart
from access.applying.steps import Change, Step
from tenants.assigning import give_role, take_role
from tenants.custom_roles import roles_of
from tenants.models import Project, ProjectRole, Tenant, User

NOTHING: frozenset[str] = frozenset()
NO_MEMBER = "Who has a role in a project is a member of its tenant first"


def project_role_steps(
    document: Document, tenant: Tenant, people: People, prune: bool, authority: Authority
) -> tuple[list[Step], list[str]]:
    """The steps, and who has a role and is not named. Problems are noted in `people`."""
    steps: list[Step] = []
    unlisted: list[str] = []
    there: dict[str, dict[Any, ProjectRole]] = {}
    if not tenant._state.adding:
        rows = ProjectRole.objects.filter(tenant=tenant, project__archived_at=None)
        for row in rows.select_related("user", "project__tenant"):
            there.setdefault(row.project.slug, {})[row.user_id] = row
    coming, lowered = _changing(document, people, prune)
    for part in document.projects or ():
        if part.roles is not None:
            now = {user: row for user, row in there.get(part.slug, {}).items() if user not in lowered}
            made, left = _of_project(part, now, tenant, coming, people, prune, authority)
            steps, unlisted = steps + made, unlisted + left
    return steps, unlisted


def _of_project(
    part: ProjectPart, now: dict[Any, ProjectRole], tenant: Tenant, coming: set[Any], people: People, prune: bool,
    authority: Authority,
) -> tuple[list[Step], list[str]]:  # fmt: skip
    path, steps, named = f"{tenant.slug}/{part.slug}", [], set()
    for wanted in part.roles or ():
        user = people.called(wanted)
        if user is None:
            continue
        if not isinstance(user, User) or user.pk not in coming:
            people.wrong(wanted, f"{NO_MEMBER}, and “{wanted.person}” is none of {tenant}.")
        elif user.pk in named:
            people.wrong(wanted, f"“{wanted.person}” is here twice. Keep one of them.")
        else:
            named.add(user.pk)
            steps += _giving(part, wanted, user, now.get(user.pk), path, authority)
    gone = [row for user, row in now.items() if user not in named and user in coming]
    if prune:
        return steps + [_ending(row, path, authority) for row in gone], []
    return steps, [f"the role of {row.user.username} in {path}" for row in gone]


def _giving(
    part: ProjectPart, wanted: MemberPart, user: User, now: ProjectRole | None, path: str, authority: Authority
) -> list[Step]:
    before = now.role if now else None
    if before == wanted.role:
        return []
    refused = authority.over_project_roles(now.project if now else part.slug, *filter(None, (before, wanted.role)))

    def perform(tenant: Tenant, by: Any) -> None:
        project = Project.objects.get(tenant=tenant, slug=part.slug)
        give_role(project=project, user=user, role=wanted.role, by=by)

    changes = (Change("role", before, wanted.role),)
    return [
        Step("change" if now else "create", "project role", f"{user.username} in {path}", changes, perform, refused)
    ]


def _ending(row: ProjectRole, path: str, authority: Authority) -> Step:
    own = authority.person is not None and row.user_id == authority.person.pk

    def perform(tenant: Tenant, by: Any) -> None:
        take_role(given=row, by=by)

    refused = "" if own else authority.over_project_roles(row.project, row.role)
    return Step("remove", "project role", f"{row.user.username} in {path}", (Change("role", row.role, None),), perform,
                refused)  # fmt: skip


def _changing(document: Document, people: People, prune: bool) -> tuple[set[Any], set[Any]]:
    """Who is a member once the file is applied, and whose own role it lowers."""
    coming: set[Any] = set(people.members)
    now = {slug: role.permissions for slug, role in roles_of(people.tenant).items()}
    known = now | {part.slug: frozenset(part.whole) for part in document.roles or ()}
    narrowed = {slug for slug, permissions in now.items() if permissions - known[slug]}
    lowered = {user for user, row in people.members.items() if row.role in narrowed}
    if document.members is None:
        return coming, lowered
    named = set()
    for part in document.members:
        if user := people.known(part):
            named.add(user.pk)
            held = people.members.get(user.pk)
            if held and known.get(held.role, NOTHING) - known.get(part.role, NOTHING):
                lowered.add(user.pk)
    gone = {key for key, row in people.members.items() if prune and key not in named and row.directory_id is None}
    return (coming | named) - gone, lowered
