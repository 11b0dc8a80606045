"""The cast of the tests: two tenants, people of every role, a route at a provider. Made with the real verbs.

`acme` has Olivia (owner), Dev (developer) and Vera (viewer); `globex` has Greta (owner). Pat is of the platform
team, Fin of FinOps, Ada an auditor, Rita and Rob sit on the risk board; Ned is new and belongs nowhere.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from approvals.models import Board, Policy, Seat
from audit.record import SYSTEM
from catalog.models import Deployment, Model, ModelVersion, Provider, Route, RouteTarget
from tenants.memberships import add_member, appoint
from tenants.models import Environment, Project, Tenant, User
from tenants.structure import create_project, create_tenant
from usage.models import Price

PASSWORD = "correct horse battery"


def person(username: str) -> User:
    """A user called `username` with the cast's password."""
    return User.objects.create_user(username, f"{username}@example.test", PASSWORD, display_name=username.title())


def route(slug: str = "echo-model", *, base_url: str = "http://127.0.0.1:9/v1", provider: str = "echo") -> Route:
    """A route with one deployment at `base_url`, priced 1.00 in and 2.00 out per million tokens."""
    served_by, _ = Provider.objects.get_or_create(
        slug=provider, defaults={"name": provider.title(), "base_url": base_url, "connected_at": timezone.now()}
    )
    model = Model.objects.create(slug=slug, name=slug.replace("-", " ").title(), purpose="Answers with what it hears")
    version = ModelVersion.objects.create(model=model, label="1")
    deployment = Deployment.objects.create(version=version, provider=served_by, upstream_name=slug)
    Price.objects.create(
        deployment=deployment,
        input_per_million=Decimal("1"),
        output_per_million=Decimal("2"),
        valid_from=timezone.now() - dt.timedelta(days=365),
        source="test",
    )
    made = Route.objects.create(slug=slug, model=model)
    RouteTarget.objects.create(route=made, deployment=deployment)
    return made


@dataclass
class Cast:
    """Everybody, by name."""

    olivia: User
    dev: User
    vera: User
    greta: User
    pat: User
    fin: User
    ada: User
    rita: User
    rob: User
    ned: User
    acme: Tenant
    globex: Tenant
    project: Project
    foreign_project: Project
    risk: Board

    @classmethod
    def create(cls) -> Cast:
        names = ["olivia", "dev", "vera", "greta", "pat", "fin", "ada", "rita", "rob", "ned"]
        people = {name: person(name) for name in names}
        acme = create_tenant(slug="acme", name="Acme", owner=people["olivia"], by=SYSTEM)
        globex = create_tenant(slug="globex", name="Globex", owner=people["greta"], by=SYSTEM)
        add_member(tenant=acme, user=people["dev"], role="developer", by=people["olivia"])
        add_member(tenant=acme, user=people["vera"], role="viewer", by=people["olivia"])
        for name, role in (("pat", "platform"), ("fin", "finops"), ("ada", "auditor")):
            appoint(user=people[name], role=role, by=SYSTEM)
        risk = Board.objects.create(slug="risk", name="Risk board")
        for name in ("rita", "rob"):
            Seat.objects.create(board=risk, user=people[name])
        Policy.objects.create(
            slug="access",
            subject_kind="access",
            sentence="Access to a model is decided by the risk board.",
            stages=[{"board": "risk", "quorum": 1}],
        )
        return cls(
            **people,
            acme=acme,
            globex=globex,
            project=create_project(tenant=acme, slug="support", name="Support", by=people["olivia"]),
            foreign_project=create_project(tenant=globex, slug="secret", name="Secret", by=people["greta"]),
            risk=risk,
        )

    def environment(self, kind: str = "development", *, of: Project | None = None) -> Environment:
        """An environment of `of` (by default of Acme's project)."""
        return Environment.objects.select_related("tenant", "project").get(project=of or self.project, kind=kind)
