"""The tenants of the demonstration, their projects, members of every role, and keys."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from approvals.delegation.standing import standings
from approvals.delegation.tables import Delegation
from audit.record import Actor
from tenants import elevating, keys, role_making, service_accounts
from tenants.assigning import give_role
from tenants.memberships import add_member
from tenants.models import ApiKey, Environment, Tenant, User
from tenants.structure import create_project, create_tenant

SINCE_DAYS = 190


@dataclass(frozen=True)
class Team:
    """A tenant as it is set up: `members` maps usernames to roles, the first of them the owner."""

    slug: str
    name: str
    cost_centre: str
    members: tuple[tuple[str, str], ...]
    projects: tuple[tuple[str, str, str], ...]  # slug, name, purpose
    keys: tuple[tuple[str, str], ...]  # project/environment, name of the key
    in_projects: tuple[tuple[str, str, str], ...] = ()  # username, project, role there


TEAMS = (
    Team(
        "retail-banking",
        "Retail Banking",
        "CC-4100",
        (
            ("tenant-owner", "owner"),
            ("marcus.weber", "admin"),
            ("developer", "developer"),
            ("ines.duarte", "analyst"),
            ("viewer", "viewer"),
            ("tom.haugen", "billing"),
        ),
        (
            ("card-support", "Card support", "Drafts answers to card holders that an agent checks and sends."),
            ("branch-assistant", "Branch assistant", "Finds the right form and rule for staff at the counter."),
        ),
        (
            ("card-support/development", "notebook"),
            ("card-support/test", "nightly tests"),
            ("card-support/production", "answer service"),
            ("branch-assistant/development", "prototype"),
        ),
        (
            ("tom.haugen", "card-support", "analyst"),
            ("ines.duarte", "card-support", "admin"),
            ("ines.duarte", "branch-assistant", "developer"),
        ),
    ),
    Team(
        "claims",
        "Claims",
        "CC-5200",
        (
            ("yuki.sato", "owner"),
            ("claire.fontaine", "admin"),
            ("amir.haddad", "developer"),
            ("elena.popova", "analyst"),
            ("george.mensah", "viewer"),
            ("hannah.vogel", "billing"),
        ),
        (
            ("document-triage", "Document triage", "Sorts incoming claims and extracts dates and amounts."),
            ("loss-summaries", "Loss summaries", "Summarises long reports for the adjuster."),
        ),
        (
            ("document-triage/development", "labelling"),
            ("document-triage/production", "intake service"),
            ("loss-summaries/test", "evaluation"),
        ),
        (("george.mensah", "document-triage", "developer"),),
    ),
    Team(
        "research",
        "Research",
        "CC-7300",
        (
            ("samuel.ortiz", "owner"),
            ("mei.chen", "admin"),
            ("developer", "developer"),
            ("theo.marchand", "analyst"),
            ("amir.haddad", "viewer"),
            ("tom.haugen", "billing"),
        ),
        (
            ("literature-review", "Literature review", "Reads papers and drafts related-work sections."),
            ("code-helper", "Code helper", "Explains and reviews analysis scripts."),
        ),
        (
            ("literature-review/development", "notebooks"),
            ("code-helper/development", "editor plug-in"),
        ),
    ),
)


def create(people: dict[str, User], *, by: Actor) -> dict[str, Environment]:
    """Create every team, dated back to before its first request; the environments by path."""
    at = timezone.now() - dt.timedelta(days=SINCE_DAYS)
    for team in TEAMS:
        owner = people[team.members[0][0]]
        tenant = create_tenant(
            slug=team.slug,
            name=team.name,
            cost_centre=team.cost_centre,
            owner=owner,
            is_demonstration=True,
            by=by,
            at=at,
        )
        _decided_as_installed(tenant)
        for username, role in team.members[1:]:
            add_member(tenant=tenant, user=people[username], role=role, by=owner, at=at)
        role_making.make(
            tenant=tenant, slug="desk-lead", name="Desk lead", sentence="Lets people in and sees what is spent.",
            permissions=["tenants.manage_members", "tenants.view_usage"], by=owner,
        )  # fmt: skip
        developer = next(people[username] for username, role in team.members if role == "developer")
        elevating.ask(tenant=tenant, role="admin", hours=8, reason="On call this week.", by=developer)
        for slug, name, purpose in team.projects:
            project = create_project(tenant=tenant, slug=slug, name=name, purpose=purpose, by=owner, at=at)
            for username, _, role in (each for each in team.in_projects if each[1] == slug):
                give_role(project=project, user=people[username], role=role, by=owner, at=at)
    found = Environment.objects.filter(tenant__slug__in=[team.slug for team in TEAMS])
    environments = {environment.path: environment for environment in found.select_related("tenant", "project")}
    for team in TEAMS:
        owner = people[team.members[0][0]]
        for place, name in team.keys:
            environment = environments[f"{team.slug}/{place}"]
            holder = None
            if environment.kind == Environment.Kind.PRODUCTION:  # a program's key stays when its owner goes
                holder = service_accounts.create(
                    tenant=environment.tenant, name=name.replace(" ", "-"), purpose=name.capitalize(), role="viewer",
                    by=owner, at=at,
                )  # fmt: skip
            keys.issue(environment=environment, name=name, by=owner, holder=holder)
    return environments


def _decided_as_installed(tenant: Tenant) -> None:
    """Let decide on `tenant` who decides as installed, as what it shows was decided so; an exception where this
    installation decides otherwise, which goes with the tenant."""
    for each in standings(tenant):
        if each.mode != each.capability.default:
            Delegation.objects.create(
                tenant=tenant, capability=each.capability.slug, mode=each.capability.default,
                sentence="The demonstration shows who decides as installed.",
            )  # fmt: skip


def keys_of(tenant: Tenant) -> dict[str, list[ApiKey]]:
    """The keys of a tenant by the path of their environment."""
    found: dict[str, list[ApiKey]] = {}
    for key in ApiKey.objects.filter(tenant=tenant).select_related("environment__project", "environment__tenant"):
        found.setdefault(key.environment.path, []).append(key)
    return found
