"""Whatever people do to a tenant, in whatever order: nobody holds what no rule gives, and there is always an owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Permission
from django.utils import timezone
from guardian.models import UserObjectPermission
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from refusals import Refusal
from tenants import archiving, keys, moving, ownership, reviewing
from tenants.access_reviews import AccessReview
from tenants.activation import activate, deactivate
from tenants.memberships import add_member, remove_member
from tenants.models import ApiKey, Environment, Membership, OwnershipTransfer, Project, Tenant, User
from tenants.roles import TENANT_ROLES
from tests.cast import Cast

PEOPLE = ("olivia", "dev", "vera", "greta", "ned", "pat")
TENANTS = ("acme", "globex")
ROLES = tuple(TENANT_ROLES)


class World:
    """The cast as it is now, and what can be done with it by name. Who asks is not checked here: verbs decide states,
    and the matrix walks who may."""

    def __init__(self) -> None:
        self.cast = Cast.create()

    def tenant(self, slug: str) -> Tenant:
        return Tenant.objects.get(slug=slug)

    def user(self, name: str) -> User:
        return User.objects.get(username=name)

    def membership(self, slug: str, name: str) -> Membership | None:
        return Membership.objects.filter(tenant__slug=slug, user__username=name).first()

    def give_role(self, slug: str, name: str, role: str) -> None:
        add_member(tenant=self.tenant(slug), user=self.user(name), role=role, by=self.cast.pat)

    def leave(self, slug: str, name: str, _: str) -> None:
        if found := self.membership(slug, name):
            remove_member(membership=found, by=found.user)

    def offer(self, slug: str, name: str, role: str) -> None:
        to = self.user(PEOPLE[ROLES.index(role) % len(PEOPLE)])
        ownership.offer(tenant=self.tenant(slug), to=to, by=self.user(name))

    def _answer(self, verb: Callable[..., Any], slug: str, name: str) -> None:
        for each in OwnershipTransfer.objects.filter(tenant__slug=slug):
            verb(transfer=each, by=self.user(name))

    def accept(self, slug: str, name: str, _: str) -> None:
        self._answer(ownership.accept, slug, name)

    def decline(self, slug: str, name: str, _: str) -> None:
        self._answer(ownership.decline, slug, name)

    def withdraw(self, slug: str, name: str, _: str) -> None:
        self._answer(ownership.withdraw, slug, name)

    def archive(self, slug: str, *_: str) -> None:
        archiving.archive_tenant(tenant=self.tenant(slug), by=self.cast.pat)

    def restore(self, slug: str, *_: str) -> None:
        archiving.restore_tenant(tenant=self.tenant(slug), by=self.cast.pat)

    def switch_off(self, _: str, name: str, role: str) -> None:
        deactivate(user=self.user(name), by=self.cast.fin)

    def switch_on(self, _: str, name: str, role: str) -> None:
        activate(user=self.user(name), by=self.cast.fin)

    def review(self, slug: str, *_: str) -> None:
        reviewing.begin(tenant=self.tenant(slug), by=self.cast.pat)

    def confirm(self, slug: str, name: str, _: str) -> None:
        found = self.membership(slug, name)
        for each in AccessReview.objects.filter(tenant__slug=slug, concluded_at=None):
            reviewing.confirm(review=each, memberships=[found.pk] if found else [], by=self.cast.pat)

    def conclude(self, slug: str, *_: str) -> None:
        AccessReview.objects.filter(tenant__slug=slug).update(due_at=timezone.now() - dt.timedelta(seconds=1))
        reviewing.look_after_all()

    def move(self, slug: str, name: str, _: str) -> None:
        project = Project.objects.filter(tenant__slug=slug, archived_at=None).first()
        other = TENANTS[1 - TENANTS.index(slug)]
        if project is not None:
            moving.move_project(project=project, to=self.tenant(other), by=self.user(name))

    def issue(self, slug: str, name: str, _: str) -> None:
        for place in Environment.objects.filter(tenant__slug=slug, kind="test").select_related("tenant", "project"):
            keys.issue(environment=place, name="x", by=self.user(name))


DEEDS = [name for name, deed in vars(World).items() if name[0] != "_" and name not in ("tenant", "user", "membership")]
EVENTS = st.tuples(st.sampled_from(DEEDS), st.sampled_from(TENANTS), st.sampled_from(PEOPLE), st.sampled_from(ROLES))


class TestHistories(TestCase):
    @settings(max_examples=15, deadline=None)
    @given(st.lists(EVENTS, min_size=5, max_size=20))
    def test_nobody_holds_what_no_rule_gives(self, history: list[tuple[str, str, str, str]]) -> None:
        world = World()
        for deed, slug, name, role in history:
            was = Tenant.objects.get(slug=slug)
            before = state_of(was)
            try:
                getattr(world, deed)(slug, name, role)
            except Refusal as refusal:
                event(f"{deed}: {refusal.code}")
            else:
                event(f"{deed}: done")
            self.check(f"after {deed} in {slug} by {name}")
            if was.archived_at and deed in ("give_role", "offer", "accept", "review", "confirm", "move", "issue"):
                assert state_of(was) == before, f"{deed} changed what is archived"

    def check(self, when: str) -> None:
        given_to = {
            (m.user_id, str(m.tenant_id)): {p.split(".")[1] for p in TENANT_ROLES[m.role].permissions}
            for m in Membership.objects.all()
        }
        names = dict(Permission.objects.values_list("pk", "codename"))
        held: dict[tuple[Any, str], set[str]] = {}
        for user, key, permission in UserObjectPermission.objects.values_list("user", "object_pk", "permission"):
            held.setdefault((user, key), set()).add(names[permission])
        assert held == given_to, when
        for tenant in Tenant.objects.all():
            assert Membership.objects.filter(tenant=tenant, role="owner").exists(), f"{tenant} has no owner {when}"
        for transfer in OwnershipTransfer.objects.open():
            roles = dict(Membership.objects.filter(tenant=transfer.tenant).values_list("user", "role"))
            assert roles.get(transfer.giver_id) == "owner" and roles.get(transfer.receiver_id) not in (None, "owner"), (
                when
            )
        for key in ApiKey.objects.select_related("environment__project"):
            assert key.tenant_id == key.environment.tenant_id == key.environment.project.tenant_id, when


def state_of(tenant: Tenant) -> Any:
    return (
        sorted(Membership.objects.filter(tenant=tenant).values_list("user", "role")),
        sorted(ApiKey.objects.filter(tenant=tenant).values_list("pk")),
        sorted(Project.objects.filter(tenant=tenant).values_list("pk", "moved_to")),
    )
