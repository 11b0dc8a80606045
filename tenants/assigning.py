"""Give members roles in one project and take them away; the permissions of the role table follow in the same
transaction (decision 26).

Only a member of the tenant holds one, so it ends with the membership, when the member's own role is lowered, and when
the project moves. In an archived project it rests: nothing can be done there until it is restored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants import finding
from tenants.archiving import refuse_archived
from tenants.kept_holdings import forget
from tenants.models import ApiKey, Membership, Project, ProjectRole, Tenant, User
from tenants.notifications import notify
from tenants.roles import PROJECT_ROLES


class UnknownProjectRole(Invalid):
    code = "unknown_project_role"


class NotAMember(Invalid):
    """A role in a project comes beside one in its tenant."""

    code = "not_a_member"


class RoleAlready(Conflict):
    code = "role_already"
    title = "A role already"


class ProjectRoleChanged(Conflict):
    """The role is another one than the one that was seen when it was decided to change or end it."""

    code = "project_role_changed"
    title = "Somebody was faster"


def member_called(tenant: Tenant, text: str) -> User:
    """The active member of `tenant`, or service account, with this user name or e-mail. Raises `NotAMember`."""
    found = finding.member(tenant, text)
    if found is None:
        raise NotAMember(
            f"No active member of {tenant} is called “{text[:150]}”. Who is to have a role in a project is a member of"
            " its tenant first, as viewer at the least.",
            field="person",
        )
    return found


@transaction.atomic
def give_role(
    *, project: Project, user: User, role: str, by: Any, seen: str | None = None, at: dt.datetime | None = None
) -> ProjectRole:
    """Give `user`, a member of its tenant, `role` in `project`, or change the one they have there.

    `seen` is the role there that the caller saw when they asked whether they may ("" for none); None when whatever role
    it is may be changed. `at` dates demonstration data back. Raises `UnknownProjectRole`, `NotAMember`,
    `ProjectRoleChanged`, and where the project or its tenant is archived.
    """
    if role not in PROJECT_ROLES:
        raise UnknownProjectRole(
            f"There is no role “{role[:40]}” in a project. Choose one of {', '.join(PROJECT_ROLES)}.", field="role"
        )
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=project.tenant_id)
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    refuse_archived(tenant, project)
    if not Membership.objects.filter(tenant=tenant, user=user).exists():
        raise NotAMember(
            f"{user} is no member of {tenant}. Add them there first, as viewer at the least.", field="person"
        )
    if user.is_service and role == "owner":
        raise NotAMember("A service account never answers for a project. Give it another role.", field="role")
    before = ProjectRole.objects.filter(project=project, user=user).first()
    refuse_unseen(project, user, before.role if before else "", seen)
    if before and before.role == role:
        return before
    given, _ = ProjectRole.objects.update_or_create(
        project=project,
        user=user,
        defaults={"role": role},
        create_defaults={
            "tenant": tenant,
            "role": role,
            "created_by": by if isinstance(by, User) else None,
            "created_at": at if at is not None and tenant.is_demonstration else timezone.now(),
        },
    )
    _hold_exactly(project, user, PROJECT_ROLES[role].permissions)
    record(
        "project.role_changed" if before else "project.role_given", by=by, subject=project, tenant=tenant.slug,
        user=user.username, role=role, before=before.role if before else None,
    )  # fmt: skip
    if not user.is_service and at is None:
        notify(
            {user} - {by}, kind="membership", title=f"You are {PROJECT_ROLES[role].name} in {project} of {tenant} now",
            body=PROJECT_ROLES[role].sentence, path=_page(project, tenant), tenant=tenant,
        )  # fmt: skip
    return given


@transaction.atomic
def take_role(*, given: ProjectRole, by: Any) -> None:
    """End a role in a project; what the member holds in the tenant stays. A second time changes nothing.

    Raises `ProjectRoleChanged`.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=given.tenant_id)
    found = ProjectRole.objects.select_related("user", "project").filter(pk=given.pk).first()
    if found is None:
        return
    refuse_unseen(found.project, found.user, found.role, given.role)
    _end([found], tenant, by, "")


def end_roles_of(user: User, tenant: Tenant, *, because: str, by: Any) -> None:
    """End whatever roles `user` has in projects of `tenant`. Called in the transaction that holds the tenant's lock."""
    _end(ProjectRole.objects.filter(tenant=tenant, user=user), tenant, by, because)


def end_roles_in(project: Project, *, because: str, by: Any) -> None:
    """End whatever roles people have in `project`. Called in the transaction that holds the tenant's lock."""
    _end(ProjectRole.objects.filter(project=project), project.tenant, by, because)


def keys_there(given: ProjectRole) -> QuerySet[ApiKey]:
    """The keys in the project that its member holds: they work on as long as the membership, whatever the role."""
    rows = ApiKey.objects.usable().filter(holder=given.user_id, environment__project=given.project_id)
    return rows.select_related("environment__project", "tenant").order_by("name", "pk")


def roles_of_people(tenant: Tenant, people: Collection[UUID]) -> dict[UUID, list[ProjectRole]]:
    """The roles that each of `people` has in projects of `tenant` that are in use, by the key of the person."""
    found: dict[UUID, list[ProjectRole]] = {}
    rows = ProjectRole.objects.filter(tenant=tenant, user__in=people, project__archived_at=None)
    for each in rows.select_related("project").order_by("project__name", "pk"):
        found.setdefault(each.user_id, []).append(each)
    return found


def with_roles_in_projects(rows: QuerySet[Membership]) -> QuerySet[Any]:
    """`rows`, each read together with `in_projects`: the role, the key and the name of each project in use in which the
    member has one. It costs no query of its own."""
    given = ProjectRole.objects.filter(tenant=OuterRef("tenant"), user=OuterRef("user"), project__archived_at=None)
    told = JSONObject(role="role", project_id="project_id", project="project__name")
    return rows.annotate(in_projects=ArraySubquery(given.order_by("project__name", "pk").values(told=told)))


def _end(roles: Iterable[ProjectRole], tenant: Tenant, by: Any, because: str) -> None:
    rows = roles.select_related("user", "project").order_by("pk") if isinstance(roles, QuerySet) else roles
    for each in list(rows):
        _hold_exactly(each.project, each.user, frozenset())
        ProjectRole.objects.filter(pk=each.pk).delete()
        record(
            "project.role_ended", by=by, subject=each.project, tenant=tenant.slug, user=each.user.username,
            role=each.role, because=because,
        )  # fmt: skip
        if not because and not each.user.is_service:  # else they are told of that
            notify(
                {each.user} - {by}, kind="membership", title=f"You have no role in {each.project} any more",
                body=f"What you may do in all of {tenant} stays.", path=_page(each.project, tenant), tenant=tenant,
            )  # fmt: skip


def refuse_unseen(project: Project, user: User, role: str, seen: str | None) -> None:
    """Raise `ProjectRoleChanged` (`RoleAlready`) where the `role` they have there is another one than was `seen`; None:
    any may be changed."""
    if seen is None or seen == role:
        return
    if seen == "":
        raise RoleAlready(f"{user} is {role} in {project} already. Change the role instead.", field="person")
    now = f"is {role}" if role else "has none"
    raise ProjectRoleChanged(
        f"{user} was {seen} in {project} when you looked and {now} now. Look again and decide.",
        way_out=_page(project, project.tenant),
    )


def _hold_exactly(project: Project, user: User, permissions: frozenset[str]) -> None:
    forget()
    kept = UserObjectPermission.objects.filter(user=user, object_pk=str(project.pk))
    kept = kept.filter(permission__content_type__app_label="tenants", permission__content_type__model="project")
    wanted = {name.partition(".")[2] for name in permissions}
    kept.exclude(permission__codename__in=wanted).delete()
    for codename in wanted - set(kept.values_list("permission__codename", flat=True)):
        assign_perm(codename, user, project)


def _page(project: Project, tenant: Tenant) -> str:
    return f"/tenants/{tenant.slug}/projects/{project.pk}/"
