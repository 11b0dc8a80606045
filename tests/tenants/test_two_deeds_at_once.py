"""Two people do two things to one tenant at one moment, each of a dozen and more beside each other: nobody gets more.

The second deed begins while the first is done and not yet committed, so that it has looked at what was before wherever
it does not wait. With `HISTORIES=1` in the environment more deeds are tried,
and each pair in both orders.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, count, permutations
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from guardian.models import UserObjectPermission

from refusals.errors import Refusal
from tenants import (
    archiving,
    elevating,
    invite,
    key_rotation,
    keys,
    leaks,
    moving,
    ownership,
    role_making,
    service_accounts,
    standing_in,
)
from tenants.activation import activate, deactivate
from tenants.assigning import give_role
from tenants.custom_roles import roles_of
from tenants.elevations import Elevation
from tenants.key_holder import hand_over
from tenants.memberships import add_member, appoint, dismiss, remove_member
from tenants.models import (
    ApiKey,
    Appointment,
    CustomRole,
    Environment,
    Invitation,
    Membership,
    OwnershipTransfer,
    ProjectRole,
    Tenant,
    User,
)
from tenants.roles import PROJECT_ROLES
from tenants.scope import everything
from tenants.structure import create_project, create_tenant
from tenants.timing import live_of
from tests.approvals.test_at_once import at_once, house  # noqa: F401  # a fixture
from tests.cast import Cast

_numbers = count(1)
AT_LENGTH = bool(os.environ.get("HISTORIES"))
ONLY_AT_LENGTH = {
    "Greta becomes admin",
    "the key is revoked",
    "the key leaks",
    "the project is archived",
    "Rob becomes keeper no more",
}


def outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except Refusal as refusal:
        return refusal.code
    return "done"


def overlapping(first: Callable[[], object], second: Callable[[], object]) -> tuple[str, str]:
    """Do `second` while `first` is done and not committed; the code of the refusal of each, or "done"."""

    @everything("a deed of a test")
    def beside() -> str:
        try:
            return outcome(second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            told = outcome(first)
            running = pool.submit(beside)
            with connection.cursor() as cursor:
                while not running.done():
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone() != (0,):
                        break
                    time.sleep(0.002)
        return told, running.result(timeout=20)


@dataclass
class Team:
    """A tenant of Olivia and Greta with a project and a key of Dev's; Olivia has another one, and asks Vera to own this
    one, Adam asks Ned in."""

    house: Cast
    tenant: Tenant
    other: Tenant
    environment: Environment
    key: ApiKey
    program: User
    invitation: Invitation
    transfer: OwnershipTransfer
    keeper: CustomRole
    asked: Elevation

    @classmethod
    def create(cls, house: Cast) -> Team:  # noqa: F811  # the cast
        slug = "".join("abcdefghjk"[int(digit)] for digit in f"{next(_numbers):04}")
        tenant = create_tenant(slug=f"t{slug}", name="Team", owner=house.olivia, by=house.pat)
        other = Tenant.objects.filter(slug="other").first()
        other = other or create_tenant(slug="other", name="Other", owner=house.olivia, by=house.pat)
        roles = {house.greta: "owner", house.rita: "admin", house.dev: "developer", house.vera: "viewer"}
        for each, role in roles.items():
            add_member(tenant=tenant, user=each, role=role, by=house.olivia)
        keeper = role_making.make(
            tenant=tenant, slug="keeper", name="Keeper", sentence="Keeps.", permissions=["view_usage"], by=house.olivia
        )
        add_member(tenant=tenant, user=house.rob, role="keeper", by=house.olivia)
        project = create_project(tenant=tenant, slug=f"u{slug}", name="Use", by=house.olivia)
        environment = house.environment(of=project)
        return cls(
            house, tenant, other, environment,
            key=keys.issue(environment=environment, name="k", by=house.dev).key,
            program=service_accounts.create(tenant=tenant, name="batch", by=house.olivia),
            invitation=invite.invite(tenant=tenant, email="ned@example.test", role="viewer", by=house.rita).invitation,
            transfer=ownership.offer(tenant=tenant, to=house.vera, by=house.olivia),
            keeper=keeper,
            asked=elevating.ask(tenant=tenant, role="admin", hours=1, reason="x", by=house.dev),
        )  # fmt: skip

    def _row(self, name: str) -> Membership:
        return Membership.objects.select_related("tenant", "user").get(tenant=self.tenant, user__username=name)

    def deeds(self) -> dict[str, Callable[[], Any]]:
        """What people do, who have all seen what is there now."""
        cast, tenant, key, project = self.house, self.tenant, self.key, self.environment.project
        now = timezone.now()
        olivia, greta, rita, dev = (self._row(name) for name in ("olivia", "greta", "rita", "dev"))
        return {
            "Olivia leaves": lambda: remove_member(membership=olivia, by=cast.olivia),
            "Greta leaves": lambda: remove_member(membership=greta, by=cast.greta),
            "Greta becomes admin": lambda: add_member(
                tenant=tenant, user=cast.greta, role="admin", by=cast.olivia, seen="owner"
            ),
            "Vera accepts": lambda: ownership.accept(transfer=self.transfer, by=cast.vera),
            "Dev is removed": lambda: remove_member(membership=dev, by=cast.greta),
            "Rita is removed": lambda: remove_member(membership=rita, by=cast.greta),
            "Ned accepts": lambda: invite.accept(invitation=self.invitation, by=cast.ned),
            "Dev gets the project": lambda: give_role(
                project=project, user=cast.dev, role="owner", by=cast.greta, seen=""
            ),
            "Dev is switched off": lambda: deactivate(user=cast.dev, by=cast.pat),
            "Dev issues a key": lambda: keys.issue(environment=self.environment, name="n", by=cast.dev),
            "the key is rotated": lambda: key_rotation.rotate(key=key, overlap="0", by=cast.rita),
            "the key is handed over": lambda: hand_over(key=key, to=self.program, by=cast.rita),
            "the key is revoked": lambda: keys.revoke(key=key, by=cast.rita),
            "the key leaks": lambda: leaks.report(key=key, by=cast.rita, where="here"),
            "the project is archived": lambda: archiving.archive_project(project=project, by=cast.greta),
            "the project moves": lambda: moving.move_project(project=project, to=self.other, by=cast.olivia),
            "Dev is admin for an hour": lambda: elevating.grant(elevation=self.asked, by=cast.greta),
            "Rob stands in for Greta": lambda: standing_in.name_stand_in(
                tenant=tenant, person=cast.rob, by=cast.greta, starts_at=now, ends_at=now + dt.timedelta(days=1)
            ),
            "Keepers may more": lambda: role_making.change(
                role=self.keeper, name="Keeper", sentence="Keeps.", permissions=["manage_members"], by=cast.olivia
            ),
            "Rob becomes keeper no more": lambda: add_member(
                tenant=tenant, user=cast.rob, role="viewer", by=cast.rita, seen="keeper"
            ),
            "there are no keepers": lambda: role_making.retire(role=self.keeper, by=cast.greta, move_to="analyst"),
            "Greta becomes keeper": lambda: add_member(
                tenant=tenant, user=cast.greta, role="keeper", by=cast.olivia, seen="owner"
            ),
            "the tenant is archived": lambda: archiving.archive_tenant(tenant=tenant, by=cast.greta),
        }

    def check(self) -> None:
        """What holds whatever was done."""
        for tenant in (self.tenant, self.other):
            members = dict(Membership.objects.filter(tenant=tenant).values_list("user__username", "role"))
            known = roles_of(tenant)
            lent = {
                (each.user.username, permission.removeprefix("tenants."))
                for each in live_of(tenant)
                for permission in known[each.role or members[each.absent.username]].permissions  # type: ignore[union-attr]
            }
            assert {name for name, _ in lent} <= members.keys(), "what is held for a time ends with the membership"
            given = UserObjectPermission.objects.filter(object_pk=str(tenant.pk))
            assert set(given.values_list("user__username", "permission__codename")) == {
                (name, permission.removeprefix("tenants."))
                for name, role in members.items() for permission in known[role].permissions
            } | lent  # fmt: skip
            assert "owner" in members.values()
            there = ProjectRole.objects.filter(tenant=tenant).values_list("project", "user__username", "role")
            assert {name for _, name, _ in there} <= set(members)
            given = UserObjectPermission.objects.filter(
                object_pk__in=[str(key) for key in tenant.projects.values_list("pk", flat=True)],
                permission__content_type__model="project",
            )
            assert set(given.values_list("object_pk", "user__username", "permission__codename")) == {
                (str(project), name, permission.removeprefix("tenants."))
                for project, name, role in there for permission in PROJECT_ROLES[role].permissions
            }  # fmt: skip
        roles = dict(Membership.objects.filter(tenant=self.tenant).values_list("user", "role"))
        for transfer in OwnershipTransfer.objects.open().filter(tenant=self.tenant):
            assert roles.get(transfer.giver_id) == "owner" and roles.get(transfer.receiver_id) not in (None, "owner")
        accepted = Invitation.objects.get(pk=self.invitation.pk).accepted_at is not None
        assert accepted == (self.house.ned.pk in roles)
        for key in ApiKey.objects.usable().filter(name__in=("k", "n")).select_related("environment"):
            assert key.environment.tenant_id == key.tenant_id
            if key.tenant_id == self.tenant.pk:
                assert key.holder_id is not None, "nobody's key stays with whoever took it along"
        over = ApiKey.objects.get(pk=self.key.pk)
        assert over.leaked_at is None or over.revoked_at is not None


def test_whatever_two_people_do_to_one_tenant_at_one_moment_nobody_holds_what_no_rule_gives(house: Cast) -> None:  # noqa: F811
    names = list(Team.create(house).deeds())
    wrong = []
    dozen = [name for name in names if name not in ONLY_AT_LENGTH]
    for one, two in permutations(names, 2) if AT_LENGTH else combinations(dozen, 2):
        team = Team.create(house)
        deeds = team.deeds()
        try:
            overlapping(deeds[one], deeds[two])
            team.check()
        except Exception as error:  # every pair is tried: one that fails hides no other
            wrong.append(f"{one}, {two}: {type(error).__name__} {str(error)[:200]}")
        activate(user=house.dev, by=house.pat)
    assert wrong == []


def test_two_roles_above_tenants_that_end_at_one_moment_leave_nothing(house: Cast) -> None:  # noqa: F811
    two = [appoint(user=house.ned, role=role, by=house.pat) for role in ("auditor", "finops")]
    overlapping(*(lambda each=each: dismiss(appointment=each, by=house.pat) for each in two))  # type: ignore[misc]
    assert not Appointment.objects.filter(user=house.ned).exists()
    assert User.objects.get(pk=house.ned.pk).get_all_permissions() == set()


def test_keys_that_are_changed_while_their_project_moves_do_not_keep_it_from_moving(house: Cast) -> None:  # noqa: F811
    for what in ("the key is rotated", "the key is revoked", "the key is handed over", "the key leaks"):
        team = Team.create(house)
        deeds = team.deeds()
        assert at_once(deeds["the project moves"], deeds[what])[0] == "done"
        team.check()
