"""A tenant as it stands, said in the words of a file. Ten queries, however large it is."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from access.applying.schema import (
    BudgetPart,
    Document,
    EnvironmentPart,
    KeyPart,
    MemberPart,
    PlacePart,
    ProjectPart,
    RolePart,
    SecurityPart,
)
from tenants.arrivals import Invitation
from tenants.models import ApiKey, CustomRole, Environment, Membership, Project, ProjectRole, Tenant, User
from tenants.own_addresses import people_by_address
from tenants.roles import TENANT_ROLES
from usage.limits.effective import held_limits
from usage.limits.tables import Budget, Metric, Span

VIEW = "tenants.view_tenant"  # every role has it, so no file says it
_RANK = {slug: rank for rank, slug in enumerate(TENANT_ROLES)}


def describe(tenant: Tenant) -> Document:
    """Everything that a file can say of `tenant`: what is archived, revoked, expired or over is left out, and so is who
    is a member by a rule of a directory, which gives and takes that by itself."""
    limits, budgets = held_limits(tenant.pk), _budgets_of(tenant)

    def place(key: UUID) -> PlacePart:
        held = limits.get(key, {})
        return PlacePart({name: held[name] for name in Metric.values if name in held}, budgets.get(key, {}))

    keys: dict[UUID, list[KeyPart]] = {}
    for key in ApiKey.objects.filter(tenant=tenant).usable().order_by("name", "prefix"):
        keys.setdefault(key.environment_id, []).append(KeyPart(key.prefix, key.name, place(key.pk)))
    environments: dict[UUID, list[EnvironmentPart]] = {}
    for row in Environment.objects.filter(tenant=tenant).order_by("created_at", "pk"):
        part = EnvironmentPart(row.kind, place(row.pk), tuple(keys.get(row.pk, ())))
        environments.setdefault(row.project_id, []).append(part)
    roles: dict[UUID, list[MemberPart]] = {}
    for given in ProjectRole.objects.filter(tenant=tenant).select_related("user").order_by("user__username", "pk"):
        roles.setdefault(given.project_id, []).append(MemberPart(name_of(given.user), given.role))
    projects = tuple(
        ProjectPart(
            row.slug,
            row.name,
            row.purpose,
            place(row.pk),
            _in_order(environments.get(row.pk, ())),
            tuple(roles.get(row.pk, ())),
        )
        for row in Project.objects.filter(tenant=tenant, archived_at=None).order_by("slug")
    )
    return Document(
        slug=tenant.slug, name=tenant.name, cost_centre=tenant.cost_centre, is_discoverable=tenant.is_discoverable,
        security=_security_of(tenant), place=place(tenant.pk), roles=tuple(_roles_of(tenant)), projects=projects,
        members=tuple(_members_of(tenant)),
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


def _members_of(tenant: Tenant) -> list[MemberPart]:
    everybody = list(Membership.objects.filter(tenant=tenant).select_related("user"))
    people = {membership.user_id for membership in everybody}
    held = [membership for membership in everybody if membership.directory_id is None]
    waits = Invitation.objects.in_state("invited").filter(tenant=tenant, directory=None)
    invited = {each.email: each.role for each in waits}
    known = people_by_address(invited)
    waiting = {email: role for email, role in invited.items() if email not in known or known[email].pk not in people}
    named = [(name_of(membership.user), membership.role) for membership in held] + sorted(waiting.items())
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
