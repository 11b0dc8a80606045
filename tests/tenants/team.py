"""A tenant in which there is something of every kind, what people do to it who have all seen what is there, and what
holds whatever was done. For tests of people who act at one moment.
"""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from guardian.models import UserObjectPermission

from tenants import (
    archiving,
    bulk_revoking,
    elevating,
    invite,
    join,
    key_rotation,
    keys,
    leaks,
    moving,
    ownership,
    reviewing,
    role_making,
    service_accounts,
    standing_in,
    timing,
)
from tenants.activation import deactivate
from tenants.arrivals import JoinRequest
from tenants.assigning import give_role, take_role
from tenants.custom_roles import roles_of
from tenants.directory import rules
from tenants.elevations import Elevation
from tenants.key_holder import hand_over
from tenants.memberships import add_member, remove_member
from tenants.models import (
    AccessReview,
    ApiKey,
    CustomRole,
    DirectoryPerson,
    DirectoryRule,
    Environment,
    Invitation,
    Membership,
    OwnershipTransfer,
    ProjectRole,
    Tenant,
    User,
)
from tenants.roles import PROJECT_ROLES
from tenants.structure import create_project, create_tenant
from tenants.timing import live_of
from tests.cast import Cast
from tests.directory.service import Service
from tests.recast import bringing_back


@dataclass
class Team:
    """A tenant of Olivia and Greta with a project and a key of Dev's; Olivia has another one, and asks Vera to own this
    one, Adam asks Ned in, Fin asks to come in, Rob is keeper and Ada came by a group."""

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
    lent: Elevation
    given: ProjectRole
    review: AccessReview
    joins: JoinRequest
    rule: DirectoryRule
    directory: Any  # its `Service`, which is not made anew
    group: str
    ada: str  # as the directory knows her

    @classmethod
    def create(cls, house: Cast) -> Team:
        tenant = create_tenant(slug="team", name="Team", owner=house.olivia, by=house.pat)
        other = create_tenant(slug="other", name="Other", owner=house.olivia, by=house.pat)
        Tenant.objects.update(is_discoverable=True)
        keeper = role_making.make(
            tenant=tenant, slug="keeper", name="Keeper", sentence="Keeps.", by=house.olivia,
            permissions=["view_usage", "manage_keys"],
        )  # fmt: skip
        roles = {"greta": "owner", "rita": "admin", "dev": "developer", "vera": "viewer", "rob": "keeper"}
        for name, role in roles.items():
            add_member(tenant=tenant, user=getattr(house, name), role=role, by=house.olivia)
        directory = Service(None, house.pat)
        ada = str(DirectoryPerson.objects.get(directory__tenant=None, user=house.ada).pk)
        project = create_project(tenant=tenant, slug="use", name="Use", by=house.olivia)
        environment = house.environment(of=project)
        review = reviewing.begin(tenant=tenant, by=house.olivia)
        sure = Membership.objects.filter(tenant=tenant).exclude(user__in=(house.rita, house.rob))
        reviewing.confirm(review=review, memberships=list(sure.values_list("pk", flat=True)), by=house.olivia)
        AccessReview.objects.update(due_at=timezone.now())
        return cls(
            house, tenant, other, environment,
            key=keys.issue(environment=environment, name="k", by=house.dev).key,
            program=service_accounts.create(tenant=tenant, name="batch", by=house.olivia),
            invitation=invite.invite(tenant=tenant, email="ned@example.test", role="viewer", by=house.rita).invitation,
            transfer=ownership.offer(tenant=tenant, to=house.vera, by=house.olivia),
            keeper=keeper,
            asked=elevating.ask(tenant=tenant, role="admin", hours=1, reason="x", by=house.dev),
            lent=elevating.give(tenant=tenant, user=house.vera, role="admin", hours=1, reason="x", by=house.olivia),
            given=give_role(project=project, user=house.rob, role="admin", by=house.olivia),
            review=AccessReview.objects.get(pk=review.pk),
            joins=join.ask(slug="team", sentence="Me too", by=house.fin),
            group=directory.group("staff", ada),
            rule=rules.make_rule(
                tenant=tenant, of_platform=True, group_name="staff", role="analyst", by=house.pat
            ),
            directory=directory,
            ada=ada,
        )  # fmt: skip

    def _row(self, name: str) -> Membership:
        return Membership.objects.select_related("tenant", "user").get(tenant=self.tenant, user__username=name)

    def deeds(self) -> dict[str, Callable[[], Any]]:
        """What people do, who have all seen what is there now."""
        cast, tenant, key, project = self.house, self.tenant, self.key, self.environment.project
        now = timezone.now()
        olivia, greta, rita, dev, rob = map(self._row, ("olivia", "greta", "rita", "dev", "rob"))
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
            "Keepers may less": lambda: role_making.change(
                role=self.keeper, name="Keeper", sentence="Keeps.", permissions=["view_usage"], by=cast.olivia
            ),
            "there are no keepers": lambda: role_making.retire(role=self.keeper, by=cast.greta, move_to="analyst"),
            "Greta becomes keeper": lambda: add_member(
                tenant=tenant, user=cast.greta, role="keeper", by=cast.olivia, seen="owner"
            ),
            "Rob is removed": lambda: remove_member(membership=rob, by=cast.rita),
            "Rob loses the project": lambda: take_role(given=self.given, by=cast.olivia),
            "Vera is admin no more": lambda: timing.end(elevation=self.lent, by=cast.olivia),
            "Vera's time is over": self._let_time_pass,
            "the review concludes": lambda: reviewing.conclude(review=self.review),
            "Fin is admitted": lambda: join.admit(asked=self.joins, role="keeper", by=cast.greta),
            "Ada leaves the group": lambda: self._answered(self.directory.leave(self.group, self.ada)),
            "the rule ends": lambda: rules.end_rule(rule=self.rule, by=cast.pat),
            "the program is switched off": lambda: service_accounts.switch(
                account=self.program, on=False, by=cast.rita
            ),
            "keys are revoked": lambda: bulk_revoking.revoke_all(found=[key], by=cast.greta),
            "the tenant is archived": lambda: archiving.archive_tenant(tenant=tenant, by=cast.greta),
        }

    def _let_time_pass(self) -> None:
        now = timezone.now()
        Elevation.objects.filter(pk=self.lent.pk).update(starts_at=now - dt.timedelta(hours=1), ends_at=now)
        timing.settle_due(self.tenant.pk)

    def _answered(self, answer: Any) -> None:
        assert answer.status_code < 500, answer.content

    def check(self, done: Collection[str] = ()) -> None:
        """What holds whatever was done; and of what was `done` that it is so now."""
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
        is_archived = Tenant.objects.get(pk=self.tenant.pk).archived_at is not None
        members = set(Membership.objects.filter(tenant=self.tenant).values_list("user__username", flat=True))
        open_ones = Elevation.objects.open().filter(tenant=self.tenant)
        assert not (is_archived and open_ones.exclude(granted_at=None).exists()), "it ends with the tenant"
        is_off = set(User.objects.filter(is_active=False).values_list("username", flat=True))
        assert not open_ones.filter(Q(user__is_active=False) | Q(absent__is_active=False)).exists()
        lapsed = AccessReview.objects.get(pk=self.review.pk).concluded_at is not None
        is_so = {
            "Olivia leaves": "olivia" not in members,
            "Greta leaves": "greta" not in members,
            "Dev is removed": "dev" not in members,
            "Rita is removed": "rita" not in members,
            "Rob is removed": "rob" not in members,
            "Ada leaves the group": "ada" not in members,
            "the rule ends": "ada" not in members,
            "the review concludes": is_archived or (lapsed and not members & {"rita", "rob"}),
            "Dev is switched off": "dev" in is_off,
            "the program is switched off": self.program.username in is_off,
            "Vera is admin no more": not open_ones.filter(pk=self.lent.pk).exists(),
            "Vera's time is over": not open_ones.filter(pk=self.lent.pk).exists(),
            "Rob loses the project": not ProjectRole.objects.filter(pk=self.given.pk).exists(),
            "there are no keepers": "keeper" not in roles.values(),
            "the key is rotated": over.expires_at is not None and over.expires_at <= timezone.now(),
            "the key is revoked": over.revoked_at is not None,
            "keys are revoked": over.revoked_at is not None,
            "the key leaks": over.revoked_at is not None,
            "the tenant is archived": is_archived,
        }
        assert [deed for deed in done if not is_so.get(deed, True)] == [], "it was done and is not so"


class Kept:
    """A team that is there again as it was made, as often as it is wanted."""

    def __init__(self, house: Cast) -> None:
        team = Team.create(house)
        self._directory, team.directory = team.directory, None
        self._made = pickle.dumps(team)
        self._rows = bringing_back()

    def again(self) -> Team:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(self._rows)
        team: Team = pickle.loads(self._made)  # noqa: S301  # our own
        team.directory = self._directory
        return team
