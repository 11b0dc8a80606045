"""Histories of people who act on what they saw earlier: after each deed everybody holds what the rules give, no more.

Hypothesis chooses who does what, through the front door; a refusal is an answer, a fault is none. What is done is told
to a model of the rules (`tests.tenants.history_model`), with which memberships, permissions and keys are compared.
As it runs here it is short and the same each time. `HISTORIES=2000 pytest tests/tenants/test_histories.py` makes that
many new histories, each of 60 deeds.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from guardian.models import UserObjectPermission
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from audit.models import Entry
from gateway import rows as gateway_rows
from refusals.errors import Refusal
from tenants import reviewing, scoping, timing, tokens
from tenants.elevations import Elevation
from tenants.memberships import RoleChanged, add_member
from tenants.models import (
    AccessReview,
    Appointment,
    CustomRole,
    DirectoryPerson,
    Membership,
    OwnershipTransfer,
    Project,
    ProjectRole,
    Tenant,
    User,
)
from tenants.roles import PROJECT_ROLES, TENANT_ROLES
from tests.cast import Cast, person
from tests.directory.service import Service
from tests.tenants.history_model import Asked, Key, Member, Review, Timed, Use, World

LONG = int(os.environ.get("HISTORIES", "0"))
PROFILE = settings(
    max_examples=LONG or 25,
    stateful_step_count=60 if LONG else 25,
    derandomize=not LONG,
    phases=[Phase.generate],  # to shorten a history of this size takes longer than to read it
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
NAMES = ["olivia", "dev", "vera", "adam", "greta", "ned", "pat", "fin"]
PEOPLE = st.sampled_from(NAMES)
# Half of the time it is somebody who answers for the tenant: else hardly anything would happen.
ACTORS = st.sampled_from([*NAMES, *["an owner"] * len(NAMES)])
TENANTS = st.sampled_from(["acme", "globex"])
ROLES = st.sampled_from(["owner", "owner", *TENANT_ROLES, "keeper"])
PERMISSIONS = st.sets(st.sampled_from(sorted(TENANT_ROLES["owner"].permissions)))
IN_PROJECTS = st.sampled_from([*PROJECT_ROLES])
ABOVE = st.sampled_from(["platform", "auditor", "finops"])
GROUPS = st.sampled_from(["staff", "leads"])
PICK = st.integers(0, 7)  # how long ago what is acted upon was seen


class Stage:
    """What stands before each history: people with tokens, two tenants, the platform's directory with two groups."""

    def __init__(self, cast: Cast) -> None:
        add_member(tenant=cast.acme, user=person("adam"), role="admin", by=cast.olivia)
        Tenant.objects.update(is_discoverable=True)
        self.people = {each.username: each for each in User.objects.filter(username__in=NAMES)}
        self.tenants = {"acme": cast.acme, "globex": cast.globex}
        self.clients = {}
        for name, each in self.people.items():
            _, secret = tokens.issue(user=each, name="history", by=each)
            self.clients[name] = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=True)
        self.directory = Service(None, cast.pat)
        known = dict(DirectoryPerson.objects.filter(directory__tenant=None).values_list("user__username", "pk"))
        self.known = {name: str(known[name]) for name in NAMES}
        self.groups = {name: self.directory.group(name) for name in ("staff", "leads")}
        self.entries = changes_told()
        roles = Membership.objects.order_by("created_at").values_list("tenant__slug", "user__username", "role")
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


class Histories(RuleBasedStateMachine):
    """One history; it is undone at its end."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.world = copy.deepcopy(stage.world)
        self.seen: dict[str, tuple[str, str]] = {}  # memberships, also those that are over
        self.steps = 0
        self.undone = transaction.atomic()
        self.undone.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    # How things are done

    def send(self, who: str, method: str, path: str, **body: Any) -> Any:
        """The answer's document, {} for none, None for a refusal."""
        client = self.stage.clients[who]
        answer = client.generic(method, f"/api/{path}", json.dumps(body), "application/json")
        assert answer.status_code < 500, answer.content
        if answer.status_code >= 400:
            assert answer.json()["code"]
            return None
        assert who in self.world.active, f"{who} is switched off and was answered"
        return json.loads(answer.content or b"{}")

    def post(self, who: str, path: str, **body: Any) -> Any:
        return self.send(who, "POST", path, **body)

    def somebody(self, who: str, tenant: str) -> str:
        owners = sorted(self.world.owners(tenant) & self.world.active) or sorted(self.world.owners(tenant))
        return owners[0] if who == "an owner" else who

    def ago[T](self, things: Iterable[T], pick: int) -> T:
        """The last of `things`, or one that was seen longer ago."""
        newest_first = list(things)[::-1]
        return newest_first[pick % len(newest_first)]

    # Joining

    @rule(who=ACTORS, tenant=TENANTS, whom=PEOPLE, role=ROLES)
    def invite(self, who: str, tenant: str, whom: str, role: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "invitations/", tenant=tenant, email=f"{whom}@example.test", role=role)
        if made:
            assert self.world.may_give(tenant, who, role) and tenant not in self.world.archived
            self.world.invitations[made["id"]] = Asked(tenant, who, whom, role)
            self.all_invited = {**getattr(self, "all_invited", {}), made["id"]: whom}

    @precondition(lambda self: hasattr(self, "all_invited"))
    @rule(pick=PICK, whose=st.one_of(st.none(), PEOPLE), answer=st.sampled_from(["accept", "accept", "decline"]))
    def answer_an_invitation(self, pick: int, whose: str | None, answer: str) -> None:
        key = self.ago(self.all_invited, pick)
        who = whose or self.all_invited[key]
        if self.post(who, f"my-invitations/{key}/{answer}/") is None:
            return
        if answer == "decline" and key not in self.world.invitations:
            return  # once more
        asked = self.world.invitations.pop(key)
        assert asked.to == who
        if answer == "accept":
            assert not self.world.role(asked.tenant, who)
            assert self.world.may_give(asked.tenant, asked.of, asked.role), "who invited may no longer give it"
            self.world.put(asked.tenant, who, asked.role)

    @precondition(lambda self: hasattr(self, "all_invited"))
    @rule(who=ACTORS, pick=PICK, tenant=TENANTS)
    def withdraw_an_invitation(self, who: str, pick: int, tenant: str) -> None:
        key, who = self.ago(self.all_invited, pick), self.somebody(who, tenant)
        if self.post(who, f"invitations/{key}/withdraw/") and key in self.world.invitations:
            asked = self.world.invitations.pop(key)
            assert self.world.may_give(asked.tenant, who, asked.role)

    @rule(who=PEOPLE, tenant=TENANTS)
    def ask_to_join(self, who: str, tenant: str) -> None:
        made = self.post(who, "join-requests/", tenant=tenant, sentence="Me too")
        if made:
            assert not self.world.role(tenant, who)
            self.world.joins[made["id"]] = Asked(tenant, "", who)

    @precondition(lambda self: self.world.joins)
    @rule(who=ACTORS, pick=PICK, role=ROLES)
    def admit(self, who: str, pick: int, role: str) -> None:
        key = self.ago(self.world.joins, pick)
        asked = self.world.joins[key]
        who = self.somebody(who, asked.tenant)
        if self.post(who, f"join-requests/{key}/admit/", role=role):
            assert asked.role != "over" and asked.to in self.world.active
            assert self.world.may_give(asked.tenant, who, role) and not self.world.role(asked.tenant, asked.to)
            asked.role = "over"
            self.world.put(asked.tenant, asked.to, role)

    @rule(who=ACTORS, tenant=TENANTS, whom=PEOPLE, role=ROLES)
    def add(self, who: str, tenant: str, whom: str, role: str) -> None:
        who = self.somebody(who, tenant)
        if self.post(who, "memberships/", tenant=tenant, person=whom, role=role):
            assert self.world.may_give(tenant, who, role) and not self.world.role(tenant, whom)
            assert whom in self.world.active
            self.world.put(tenant, whom, role)

    # Roles and leaving

    @rule(who=ACTORS, pick=PICK, role=ROLES)
    def change_role(self, who: str, pick: int, role: str) -> None:
        key = self.ago(self.seen, pick)
        tenant, whom = self.seen[key]
        who = self.somebody(who, tenant)
        if self.send(who, "PATCH", f"memberships/{key}/", role=role):
            assert self.world.may_give(tenant, who, self.world.role(tenant, whom), role)
            self.world.put(tenant, whom, role)

    @rule(tenant=TENANTS, whom=PEOPLE, role=ROLES, seen=st.sampled_from(["", *TENANT_ROLES, "keeper"]))
    def change_role_that_was_seen_earlier(self, tenant: str, whom: str, role: str, seen: str) -> None:
        now = self.world.role(tenant, whom)
        people = self.stage.people
        try:
            add_member(tenant=self.stage.tenants[tenant], user=people[whom], role=role, by=people["pat"], seen=seen)
        except Refusal as refusal:
            assert not isinstance(refusal, RoleChanged) or seen != now
        else:
            assert seen == now
            self.world.put(tenant, whom, role)

    @rule(who=st.one_of(ACTORS, st.just("themselves")), pick=PICK)
    def remove(self, who: str, pick: int) -> None:
        key = self.ago(self.seen, pick)
        tenant, whom = self.seen[key]
        who = whom if who == "themselves" and whom in self.stage.clients else self.somebody(who, tenant)
        if who in self.stage.clients and self.send(who, "DELETE", f"memberships/{key}/") is not None:
            assert who == whom or self.world.may_give(tenant, who, self.world.role(tenant, whom))
            self.world.take(tenant, whom)

    # Roles of a tenant's own: “keeper”

    @rule(who=ACTORS, tenant=TENANTS, permissions=PERMISSIONS)
    def make_or_change_a_role(self, who: str, tenant: str, permissions: set[str]) -> None:
        who, key = self.somebody(who, tenant), self.role_key(tenant)
        before, after = self.world.own_roles.get((tenant, "keeper")), permissions | {"tenants.view_tenant"}
        given = {"name": "Keeper", "sentence": "Keeps.", "permissions": sorted(permissions)}
        if key:
            done = self.send(who, "PATCH", f"custom-roles/{key}/", **given)
        else:
            done = self.post(who, "custom-roles/", tenant=tenant, slug="keeper", **given)
        if done:
            assert self.world.may(tenant, who, "manage_tenant") and tenant not in self.world.archived
            assert before == after or (before or frozenset()) | after <= self.world.passes_on(tenant, who)
            self.world.change_role(tenant, "keeper", frozenset(after))
            groups = sorted(each[1] for each in self.world.rules.values() if each[0] == tenant and each[2] == "keeper")
            for group in groups if before != after else ():
                self.follow_rules(tenant, group)

    @rule(who=ACTORS, tenant=TENANTS, to=st.one_of(st.just(""), ROLES))
    def retire_a_role(self, who: str, tenant: str, to: str) -> None:
        who, key = self.somebody(who, tenant), self.role_key(tenant)
        if key and self.post(who, f"custom-roles/{key}/retire/", move_to=to) is not None:
            assert self.world.may(tenant, who, "manage_tenant")
            assert not to or self.world.may_give(tenant, who, "keeper", to)
            self.world.retire(tenant, "keeper", to)

    def role_key(self, tenant: str) -> str:
        found = CustomRole.objects.filter(tenant__slug=tenant).values_list("pk", flat=True).first()
        assert (found is None) == ((tenant, "keeper") not in self.world.own_roles)
        return str(found or "")

    # For a time

    @rule(who=ACTORS, tenant=TENANTS, whom=st.one_of(st.none(), PEOPLE), role=ROLES)
    def ask_or_give_for_a_time(self, who: str, tenant: str, whom: str | None, role: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "elevations/", tenant=tenant, role=role, hours=1, reason="x", person=whom or "")
        if made:
            person = whom or who
            assert self.world.role(tenant, person) and tenant not in self.world.archived
            assert person in self.world.active and self.open_timed(tenant, person) == []
            assert whom is None or (who != whom and self.world.may_give(tenant, who, role))
            state = "running" if whom else "waiting"
            self.world.timed[made["id"]] = Timed(tenant, person, role, state=state)

    @rule(who=ACTORS, tenant=TENANTS, whom=PEOPLE, days=st.sampled_from([0, 0, 2]))
    def name_a_stand_in(self, who: str, tenant: str, whom: str, days: int) -> None:
        who, begins = self.somebody(who, tenant), timezone.now() + dt.timedelta(days=days)
        period = {"starts_at": begins.isoformat(), "ends_at": (begins + dt.timedelta(days=1)).isoformat()}
        made = self.post(who, "elevations/stand-in/", tenant=tenant, person=whom, **period)
        if made:
            assert self.world.role(tenant, who) and self.world.role(tenant, whom) and who != whom
            assert whom in self.world.active and tenant not in self.world.archived
            lends = [each for each in self.world.timed.values() if each.is_open and each.absent == who]
            assert all(each.tenant != tenant for each in lends)
            state = "planned" if days else "running"
            self.world.timed[made["id"]] = Timed(tenant, whom, absent=who, state=state)

    @precondition(lambda self: self.world.timed)
    @rule(who=st.one_of(ACTORS, st.just("themselves")), pick=PICK,
          verb=st.sampled_from(["grant", "grant", "decline", "withdraw", "end"]))  # fmt: skip
    def answer_or_end(self, who: str, pick: int, verb: str) -> None:
        key = self.ago(self.world.timed, pick)
        each = self.world.timed[key]
        who = each.person if who == "themselves" else self.somebody(who, each.tenant)
        before = each.state
        if not self.post(who, f"elevations/{key}/{verb}/", **({"reason": "x"} if verb == "decline" else {})):
            return
        if verb == "end":
            assert before != "waiting"
            own = who in (each.person, each.absent)
            role = each.role or self.world.role(each.tenant, each.absent)
            assert own or before == "over" or self.world.may_give(each.tenant, who, role)
            each.state = "over"
        elif verb == "withdraw":
            assert who == each.person and before in ("waiting", "over")
            each.state = "over"
        else:
            assert before == "waiting" and who != each.person
            assert self.world.may_give(each.tenant, who, each.role)
            each.state = "running" if verb == "grant" else "over"

    @precondition(lambda self: any(each.state in ("planned", "running") for each in self.world.timed.values()))
    @rule(pick=PICK, job=st.booleans())
    def let_time_pass(self, pick: int, job: bool) -> None:
        """The time of one begins or ends, and the job or the person comes by."""
        given = [key for key, each in self.world.timed.items() if each.state in ("planned", "running")]
        key, now = self.ago(given, pick), timezone.now()
        each = self.world.timed[key]
        begins = each.state == "planned"
        ends_at = now + dt.timedelta(hours=1) if begins else now
        Elevation.objects.filter(pk=key).update(starts_at=now - dt.timedelta(hours=1), ends_at=ends_at)
        each.state = "running" if begins else "over"
        if job or each.person not in self.world.active:
            assert timing.settle_all() == 1
        else:
            assert self.send(each.person, "GET", "me/")

    def open_timed(self, tenant: str, person: str) -> list[Timed]:
        timed = [each for each in self.world.timed.values() if each.is_open and not each.absent]
        return [each for each in timed if (each.tenant, each.person) == (tenant, person)]

    # Handing over

    @rule(who=ACTORS, tenant=TENANTS, whom=PEOPLE)
    def offer(self, who: str, tenant: str, whom: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "ownership-transfers/", tenant=tenant, person=whom)
        if made:
            assert self.world.role(tenant, who) == "owner" and self.world.role(tenant, whom) not in ("", "owner")
            assert not any(each.tenant == tenant for each in self.world.transfers.values())
            self.world.transfers[made["id"]] = Asked(tenant, who, whom)
            self.all_offered = {**getattr(self, "all_offered", {}), made["id"]: (tenant, whom)}

    @precondition(lambda self: hasattr(self, "all_offered"))
    @rule(pick=PICK, other=st.one_of(st.none(), st.none(), ACTORS),
          answer=st.sampled_from(["accept", "accept", "decline", "withdraw"]))  # fmt: skip
    def answer_an_offer(self, pick: int, other: str | None, answer: str) -> None:
        key = self.ago(self.all_offered, pick)
        tenant, whom = self.all_offered[key]
        who = self.somebody(other, tenant) if other else whom
        if self.post(who, f"ownership-transfers/{key}/{answer}/"):
            transfer = self.world.transfers.pop(key)
            assert who == transfer.to or answer == "withdraw"
            if answer == "accept":
                self.world.hand_over(transfer)

    # People and service accounts

    @rule(whom=PEOPLE, on=st.booleans(), service=st.booleans(), pick=PICK)
    def switch(self, whom: str, on: bool, service: bool, pick: int) -> None:
        if service and self.world.services:
            whom = self.ago(self.world.services, pick)
        if self.post("pat", f"people/{whom}/{'activate' if on else 'deactivate'}/"):
            assert self.world.above_of("pat") >= {"tenants.change_user"}
            (self.world.active.add if on else self.world.active.discard)(whom)
            if not on and whom not in self.world.services:
                self.world.end_timed(person=whom)

    @rule(whom=PEOPLE, role=ABOVE, verb=st.sampled_from(["appoint", "dismiss"]))
    def appoint(self, whom: str, role: str, verb: str) -> None:
        if self.post("pat", f"people/{whom}/{verb}/", role=role):
            roles = self.world.above.setdefault(whom, set())
            (roles.add if verb == "appoint" else roles.discard)(role)

    @rule(who=ACTORS, tenant=TENANTS, name=st.sampled_from(["batch", "ci"]), role=ROLES)
    def create_a_service_account(self, who: str, tenant: str, name: str, role: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "service-accounts/", tenant=tenant, name=name, role=role)
        if made:
            assert self.world.may_give(tenant, who, role)
            account = f"svc.{tenant}.{name}"
            self.world.services[account] = tenant
            self.world.active.add(account)
            self.world.put(tenant, account, role)

    # Roles in projects

    @rule(who=ACTORS, pick=PICK, whom=PEOPLE, service=st.booleans(), role=IN_PROJECTS)
    def give_a_role_in_a_project(self, who: str, pick: int, whom: str, service: bool, role: str) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        who = self.somebody(who, use.tenant)
        if service and self.world.services:
            whom = self.ago(self.world.services, pick)
        made = self.post(who, "project-roles/", project=f"{use.tenant}/{use.slug}", person=whom, role=role)
        if made:
            assert self.world.may_give_there(project, who, role) and whom in self.world.active
            assert (project, whom) not in self.world.in_projects
            self.world.give_there(project, whom, role)
            self.given = {**getattr(self, "given", {}), made["id"]: (project, whom)}

    @precondition(lambda self: hasattr(self, "given"))
    @rule(who=st.one_of(ACTORS, st.just("themselves")), pick=PICK, role=IN_PROJECTS, ends=st.booleans())
    def change_or_end_a_role_in_a_project(self, who: str, pick: int, role: str, ends: bool) -> None:
        key = self.ago(self.given, pick)
        project, whom = self.given[key]
        who = whom if who == "themselves" else self.somebody(who, self.world.projects[project].tenant)
        if who not in self.stage.clients:
            return  # a service account has no token here
        if ends:
            if self.send(who, "DELETE", f"project-roles/{key}/") is not None:
                before = self.world.in_projects.pop((project, whom))
                assert who == whom or self.world.may_give_there(project, who, before)
        elif self.send(who, "PATCH", f"project-roles/{key}/", role=role):
            before = self.world.in_projects[project, whom]
            assert self.world.may_give_there(project, who, before, role)
            if before != role:
                self.world.give_there(project, whom, role)

    # Keys

    @rule(who=ACTORS, pick=PICK, holder=st.one_of(st.none(), st.integers(0, 3)))
    def issue_a_key(self, who: str, pick: int, holder: int | None) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        who = self.somebody(who, use.tenant)
        named = self.ago(self.world.services, holder) if holder is not None and self.world.services else ""
        where = f"{use.tenant}/{use.slug}/development"
        made = self.post(who, "keys/", environment=where, name="key", holder=named)
        if made:
            assert self.world.may_there(project, who, "manage_keys") and not self.world.is_closed(project)
            assert not named or (named in self.world.active and self.world.role(use.tenant, named))
            self.world.keys[made["id"]] = Key(project, named or who)

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, overlap=st.sampled_from(["0", "24h"]))
    def rotate_a_key(self, who: str, pick: int, overlap: str) -> None:
        who, key, found = self.key(who, pick)
        made = self.post(who, f"keys/{key}/rotate/", overlap=overlap)
        if made:
            self.may_manage_keys(who, found)
            assert not found.over and not self.world.is_closed(found.project)
            self.world.keys[made["id"]] = Key(found.project, found.holder)
            found.over = overlap == "0"

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, leaked=st.booleans())
    def revoke_a_key(self, who: str, pick: int, leaked: bool) -> None:
        who, key, found = self.key(who, pick)
        if self.post(who, f"keys/{key}/leaked/" if leaked else f"keys/{key}/revoke/",
                     **({"where": "In a chat"} if leaked else {})):  # fmt: skip
            self.may_manage_keys(who, found)
            found.over = True

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, to=st.one_of(st.none(), st.integers(0, 3)))
    def hand_a_key_over(self, who: str, pick: int, to: int | None) -> None:
        who, key, found = self.key(who, pick)
        named = self.ago(self.world.services, to) if to is not None and self.world.services else who
        if self.post(who, f"keys/{key}/hand-over/", holder=named):
            self.may_manage_keys(who, found)
            tenant = self.world.projects[found.project].tenant
            assert named in self.world.active and self.world.role(tenant, named)
            assert not self.world.is_closed(found.project)
            found.holder = named

    def key(self, who: str, pick: int) -> tuple[str, str, Key]:
        key = self.ago(self.world.keys, pick)
        found = self.world.keys[key]
        return self.somebody(who, self.world.projects[found.project].tenant), key, found

    def may_manage_keys(self, who: str, key: Key) -> None:
        assert self.world.may_there(key.project, who, "manage_keys")

    # Archiving and moving

    @rule(who=ACTORS, tenant=TENANTS, verb=st.sampled_from(["archive", "restore", "restore"]))
    def archive_a_tenant(self, who: str, tenant: str, verb: str) -> None:
        who = self.somebody(who, tenant)
        if self.post(who, f"tenants/{tenant}/{verb}/"):
            assert self.world.may(tenant, who, "manage_tenant")
            (self.world.archived.add if verb == "archive" else self.world.archived.discard)(tenant)
            if verb == "archive":
                self.world.end_timed(tenant=tenant)

    @rule(who=ACTORS, pick=PICK, verb=st.sampled_from(["archive", "restore", "restore"]))
    def archive_a_project(self, who: str, pick: int, verb: str) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        who = self.somebody(who, use.tenant)
        if self.post(who, f"projects/{project}/{verb}/"):
            assert self.world.may(use.tenant, who, "manage_tenant") and use.tenant not in self.world.archived
            assert verb == "archive" or not use.moved
            use.archived = verb == "archive"

    @rule(who=st.one_of(ACTORS, st.just("pat")), pick=PICK, to=TENANTS)
    def move_a_project(self, who: str, pick: int, to: str) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        who = self.somebody(who, use.tenant)
        closed = self.world.is_closed(project)
        made = self.post(who, f"projects/{project}/move/", to=to)
        if made:
            assert not closed and to not in self.world.archived
            assert all(self.world.may(tenant, who, "manage_tenant") for tenant in (use.tenant, to))
            self.world.move(project, made["id"], to)

    # The directory and the access review

    @rule(tenant=TENANTS, group=GROUPS, role=ROLES)
    def make_a_rule(self, tenant: str, group: str, role: str) -> None:
        made = self.post("pat", "directory-rules/", tenant=tenant, of_platform=True, group_name=group, role=role)
        if made:
            assert tenant not in self.world.archived
            self.world.rules[made["id"]] = (tenant, group, role)
            self.follow_rules(tenant, group)

    @precondition(lambda self: self.world.rules)
    @rule(pick=PICK)
    def end_a_rule(self, pick: int) -> None:
        key = self.ago(self.world.rules, pick)
        if self.send("pat", "DELETE", f"directory-rules/{key}/") is not None:
            tenant, group, _ = self.world.rules.pop(key)
            self.follow_rules(tenant, group)

    @rule(group=GROUPS, whom=PEOPLE, joins=st.booleans())
    def change_a_group(self, group: str, whom: str, joins: bool) -> None:
        known = self.stage.known[whom]
        verb = self.stage.directory.join if joins else self.stage.directory.leave
        answer = verb(self.stage.groups[group], known)
        assert answer.status_code < 500, answer.content
        was = (group, whom) in self.world.groups
        if answer.status_code < 300 and was != joins:
            (self.world.groups.add if joins else self.world.groups.discard)((group, whom))
            self.world.follow_rules(whom)

    def follow_rules(self, tenant: str, group: str) -> None:
        """Of those whom a rule concerns, in the order in which the directory knows its people: who was removed by hand
        comes back when something of theirs changes."""
        world = self.world
        given = {whom for (where, whom), each in world.members.items() if where == tenant and each.by_rule}
        for whom, _ in sorted(self.stage.known.items(), key=lambda each: each[1]):
            if whom in given or (group, whom) in world.groups:
                world.follow_rules(whom)

    @rule(who=ACTORS, tenant=TENANTS)
    def begin_a_review(self, who: str, tenant: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "access-reviews/", tenant=tenant)
        if made:
            assert self.world.may(tenant, who, "manage_tenant")
            self.world.reviews[made["id"]] = Review(tenant, self.world.clock)

    @precondition(lambda self: self.world.reviews)
    @rule(who=ACTORS, pick=PICK, of=PICK)
    def confirm(self, who: str, pick: int, of: int) -> None:
        key, membership = self.ago(self.world.reviews, pick), self.ago(self.seen, of)
        review, (tenant, whom) = self.world.reviews[key], self.seen[membership]
        who = self.somebody(who, review.tenant)
        there = Membership.objects.filter(pk=membership).exists()
        if self.post(who, f"access-reviews/{key}/confirm/", memberships=[membership]):
            assert self.world.may(review.tenant, who, "manage_tenant")
            if there and tenant == review.tenant and self.world.members[tenant, whom].since <= review.began:
                review.confirmed.add(whom)

    @precondition(lambda self: self.world.reviews)
    @rule(pick=PICK)
    def let_a_review_lapse(self, pick: int) -> None:
        key = self.ago(self.world.reviews, pick)
        review = self.world.reviews.pop(key)
        AccessReview.objects.filter(pk=key).update(due_at=timezone.now())
        if review.tenant in self.world.archived:
            self.world.reviews[key] = review
        else:
            self.world.conclude(review)
        reviewing.conclude(review=AccessReview.objects.select_related("tenant").get(pk=key))

    # What holds whatever was done

    @invariant()
    def everybody_holds_what_the_rules_give(self) -> None:
        world = self.world
        rows = Membership.objects.order_by("pk").values_list("pk", "tenant__slug", "user__username", "role")
        held = {(tenant, name): role for _, tenant, name, role in rows}
        assert held == {where: each.role for where, each in world.members.items()}
        self.seen |= {str(key): (tenant, name) for key, tenant, name, _ in rows}
        assert all(world.owners(tenant) for tenant in self.stage.tenants)
        slugs = {str(each.pk): slug for slug, each in self.stage.tenants.items()}
        kinds = UserObjectPermission.objects.order_by("pk")
        given, there = (
            kinds.filter(permission__content_type__model=kind).values_list(
                "object_pk", "user__username", "permission__codename"
            )
            for kind in ("tenant", "project")
        )
        assert len(given) + len(there) == kinds.count()
        assert {(slugs[key], name, f"tenants.{codename}") for key, name, codename in given} == {
            (*where, permission) for where in world.members for permission in world.kept(*where)
        }  # fmt: skip
        rows = ProjectRole.objects.values_list("project", "user__username", "role")
        assert {(str(project), name): role for project, name, role in rows} == world.in_projects
        assert {(key, name, f"tenants.{codename}") for key, name, codename in there} == {
            (*where, permission) for where, role in world.in_projects.items()
            for permission in PROJECT_ROLES[role].permissions
        }  # fmt: skip
        assert changes_told() == self.stage.entries + world.changes
        above = Appointment.objects.filter(user__username__in=NAMES).values_list("user__username", "role")
        assert set(above) == {(name, role) for name, roles in world.above.items() for role in roles}
        waiting = {str(key) for key in OwnershipTransfer.objects.waiting().values_list("pk", flat=True)}
        assert waiting == set(world.transfers)

    @invariant()
    def keys_open_for_whom_is_there(self) -> None:
        """As the gateway reads them into its snapshot."""
        with connection.cursor() as cursor:
            cursor.execute(gateway_rows.PLACES)
            archived = {place.environment_id: place.is_archived for place in map(gateway_rows._place, cursor)}
            cursor.execute(gateway_rows.KEYS)
            keys = [gateway_rows._key(row) for row in cursor]
        now = timezone.now()
        opening = {
            str(key.id) for key in keys
            if key.is_held and key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
            and not archived[key.environment_id]
        }  # fmt: skip
        assert opening == {key for key, each in self.world.keys.items() if self.world.opens(each)}

    @invariant()
    def what_people_see_and_may_is_what_they_hold(self) -> None:
        """Of one person after each deed, in turn."""
        name = NAMES[self.steps % len(NAMES)]
        self.steps += 1
        viewer = User.objects.get(username=name)
        assert viewer.is_active == (name in self.world.active)
        visible = set(scoping.tenants_for(viewer).values_list("slug", flat=True))
        assert visible == {slug for slug in self.stage.tenants if self.world.may(slug, name, "view_tenant")}
        for slug, tenant in self.stage.tenants.items():
            assert scoping.held(viewer, tenant) == self.world.holds(slug, name)
            for permission in ("tenants.manage_tenant", "tenants.manage_keys"):
                assert scoping.may(viewer, permission, tenant) == (permission in self.world.holds(slug, name))
        for key, project in Project.objects.select_related("tenant").in_bulk().items():
            held = self.world.holds_there(str(key), name)
            assert scoping.held(viewer, project) == held
            for permission in ("tenants.manage_tenant", "tenants.manage_keys"):
                assert scoping.may(viewer, permission, project) == (permission in held)
        seen = scoping.visible(viewer, Project.objects.all(), "tenants.manage_keys").values_list("pk", flat=True)
        assert {str(key) for key in seen} == {
            key for key in self.world.projects if self.world.may_there(key, name, "manage_keys")
        }


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return Stage(cast)


def test_after_any_history_nobody_holds_what_no_rule_gives(stage: Stage) -> None:
    run_state_machine_as_test(lambda: Histories(stage), settings=PROFILE)
