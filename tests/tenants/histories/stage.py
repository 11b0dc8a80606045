"""What stands before each history: people with tokens, three tenants, the platform's directory with two groups.

What they hold there comes of an opening that is played once (`tests.tenants.histories.opening`).
"""

from __future__ import annotations

from django.test import Client

from audit.models import Entry
from audit.record import SYSTEM
from tenants import tokens
from tenants.models import DirectoryPerson, Membership, Project, Tenant, User
from tenants.structure import create_project, create_tenant
from tests.cast import Cast, person
from tests.directory.service import Service
from tests.tenants.histories.model import Member, Seen, Use, World

TENANTS = ["acme", "globex", "initech"]
GROUPS = ["staff", "leads"]
NAMES = ["olivia", "dev", "vera", "adam", "greta", "rita", "rob", "ned", "pat", "fin", "hugo"]


class Stage:
    """`world` is what the rules say of it, `seen` what people saw."""

    def __init__(self, cast: Cast) -> None:
        adam, _ = person("adam"), person("hugo")
        initech = create_tenant(slug="initech", name="Initech", owner=adam, by=SYSTEM)
        create_project(tenant=cast.acme, slug="later", name="Later", by=cast.olivia)
        create_project(tenant=initech, slug="third", name="Third", by=adam)
        Tenant.objects.update(is_discoverable=True)
        self.people = {each.username: each for each in User.objects.filter(username__in=NAMES)}
        self.tenants = {"acme": cast.acme, "globex": cast.globex, "initech": initech}
        self.secrets = {name: tokens.issue(user=each, name="history", by=each)[1]
                        for name, each in self.people.items()}  # fmt: skip
        self.clients = {
            name: Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=True)
            for name, secret in self.secrets.items()
        }
        self.directory = Service(None, cast.pat)
        known = dict(DirectoryPerson.objects.filter(directory__tenant=None).values_list("user__username", "pk"))
        self.known = {name: str(known[name]) for name in NAMES}
        self.groups = {name: self.directory.group(name) for name in GROUPS}
        self.entries = changes_told()
        roles = Membership.objects.order_by("created_at").values_list("tenant__slug", "user__username", "role")
        self.seen = Seen()
        self.world = World(
            active=set(NAMES),
            above={"pat": {"platform"}, "fin": {"finops"}},
            members={(tenant, name): Member(role, 0) for tenant, name, role in roles},
            projects={
                str(each.pk): Use(each.tenant.slug, each.slug) for each in Project.objects.select_related("tenant")
            },
        )  # fmt: skip


def changes_told() -> int:
    """How many changes of memberships the audit tells of."""
    return Entry.objects.filter(verb__startswith="membership.").count()
