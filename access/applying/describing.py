"""A tenant as it stands, said in the words of a file. Nine queries, however large it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from access.applying.schema import (
    BudgetPart,
    Document,
    EnvironmentPart,
    GrantPart,
    KeyPart,
    MemberPart,
    PlacePart,
    ProjectPart,
    RolePart,
    SecurityPart,
)
from access.models import Grant
from tenants.arrivals import Invitation
from tenants.models import ApiKey, CustomRole, Environment, Membership, Project, ProjectRole, Tenant, User
from tenants.own_addresses import held_among
from tenants.roles import TENANT_ROLES
from usage.bodies.stated import stated_in
from usage.limits.effective import held_limits
from usage.limits.tables import Budget, Metric, Span

VIEW = "tenants.view_tenant"  # every role has it, so no file says it
_RANK = {slug: rank for rank, slug in enumerate(TENANT_ROLES)}


def describe(tenant: Tenant) -> Document:
    """Everything that a file can say of `tenant`: what is archived, revoked, expired or over is left out, and so is who
    is a member by a rule of a directory, which gives and takes that by itself."""
    limits, budgets, content = held_limits(tenant.pk), _budgets_of(tenant), stated_in(tenant.pk)

    def place(key: UUID) -> PlacePart:
        held = limits.get(key, {})
        return PlacePart(
            {name: held[name] for name in Metric.values if name in held}, budgets.get(key, {}), content.get(key)
        )

    grants = _grants_of(tenant)
    environments: dict[Project, list[EnvironmentPart]] = {}
    for row in _environments_of(tenant):
        keys = (KeyPart(each["prefix"], each["name"], place(UUID(each["id"]))) for each in row.usable_keys)
        part = EnvironmentPart(
            row.kind, place(row.pk), tuple(keys), tuple(row.data_classes), tuple(grants.get(row.pk, ()))
        )
        environments.setdefault(row.project, []).append(part)
    everybody = _memberships_of(tenant)
    roles = _roles_in_projects(everybody)
    projects = tuple(
        ProjectPart(
            each.slug, each.name, each.purpose, place(each.pk), _in_order(inside), tuple(roles.get(each.pk, ()))
        )
        for each, inside in environments.items()
    )
    return Document(
        slug=tenant.slug, name=tenant.name, cost_centre=tenant.cost_centre, is_discoverable=tenant.is_discoverable,
        security=_security_of(tenant), place=place(tenant.pk), roles=tuple(_roles_of(tenant)), projects=projects,
        members=tuple(_members_of(tenant, everybody)),
    )  # fmt: skip


def name_of(user: User) -> str:
    """How a file names a person: by user name, which an address never is."""
    return user.email.lower() if "@" in user.username and user.email else user.username


def _security_of(tenant: Tenant) -> SecurityPart:
    since = tenant.second_factor_from
    return SecurityPart(
        tuple(tenant.allowed_email_domains), tuple(tenant.allowed_networks),
        since.isoformat(timespec="seconds") if since else "",
    )  # fmt: skip


def _roles_of(tenant: Tenant) -> list[RolePart]:
    own = CustomRole.objects.filter(tenant=tenant).order_by("slug")
    return [RolePart(each.slug, each.name, each.sentence, tuple(sorted({*each.permissions} - {VIEW}))) for each in own]


def _environments_of(tenant: Tenant) -> Iterable[Any]:
    """Those of its projects, of which each has some from its beginning, with their `usable_keys`."""
    named = ApiKey.objects.usable().filter(environment=OuterRef("pk")).order_by("name", "prefix")
    keys = ArraySubquery(named.values(told=JSONObject(id="id", prefix="prefix", name="name")))
    rows = Environment.objects.filter(tenant=tenant, project__archived_at=None).annotate(usable_keys=keys)
    return rows.select_related("project").order_by("project__slug", "created_at", "pk")


def _grants_of(tenant: Tenant) -> dict[UUID, list[GrantPart]]:
    """Those in force, with what each demands, by environment."""
    found: dict[UUID, list[GrantPart]] = {}
    for grant in Grant.objects.in_force().filter(tenant=tenant).select_related("route").order_by("route__slug"):
        found.setdefault(grant.environment_id, []).append(GrantPart(grant.route.slug, grant.demanded))
    return found


def _memberships_of(tenant: Tenant) -> list[Any]:
    """All of them, each with its person's roles in single projects as `in_projects`."""
    given = ProjectRole.objects.filter(tenant=tenant, user=OuterRef("user")).order_by("pk")
    roles = ArraySubquery(given.values(told=JSONObject(project="project_id", role="role")))
    rows = Membership.objects.filter(tenant=tenant).annotate(in_projects=roles)
    return list(rows.select_related("user").order_by("user__username", "pk"))


def _roles_in_projects(everybody: list[Any]) -> dict[UUID, list[MemberPart]]:
    """Who has which role in each project: none but members have one."""
    found: dict[UUID, list[MemberPart]] = {}
    for membership in everybody:
        for each in membership.in_projects:
            found.setdefault(UUID(each["project"]), []).append(MemberPart(name_of(membership.user), each["role"]))
    return found


def _members_of(tenant: Tenant, everybody: list[Any]) -> list[MemberPart]:
    waits = Invitation.objects.in_state("invited").filter(tenant=tenant, directory=None)
    invited = {each.email: each.role for each in waits}
    here = held_among(invited, [membership.user for membership in everybody])
    named = [(name_of(each.user), each.role) for each in everybody if each.directory_id is None]
    named += sorted((email, role) for email, role in invited.items() if email not in here)
    return [MemberPart(person, role) for person, role in sorted(named, key=lambda each: (_RANK.get(each[1], 99), each))]


def _budgets_of(tenant: Tenant) -> dict[UUID, dict[str, BudgetPart]]:
    found: dict[UUID, dict[str, BudgetPart]] = {}
    rows = sorted(Budget.objects.filter(tenant=tenant), key=lambda row: list(Span.values).index(row.span))
    for row in rows:
        part = BudgetPart(row.amount, row.is_hard, tuple(row.warn_at))
        found.setdefault(row.attached_to, {})[row.span] = part
    return found


def _in_order(parts: Iterable[EnvironmentPart]) -> tuple[EnvironmentPart, ...]:
    return tuple(sorted(parts, key=lambda each: list(Environment.Kind.values).index(each.kind)))
