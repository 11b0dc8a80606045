"""Deeds: into a tenant and out of it, as what, and who answers for it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from refusals.errors import Refusal
from tenants.memberships import RoleChanged, add_member
from tenants.roles import TENANT_ROLES
from tests.tenants.histories.deeds import ACTORS, IN_TENANTS, MEMBERS, PEOPLE, PICK, ROLES, Deeds
from tests.tenants.histories.model import Asked

OWN_MOSTLY = st.one_of(*[st.none()] * 4, PEOPLE)


class Joining(Deeds):
    """Invitations, asking to join, memberships, handing a tenant over."""

    # Joining

    @rule(who=ACTORS, tenant=IN_TENANTS, whom=PEOPLE, role=ROLES)
    def invite(self, who: str, tenant: str, whom: str, role: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "invitations/", tenant=tenant, email=f"{whom}@example.test", role=role)
        if made:
            assert self.world.may_give(tenant, who, role) and tenant not in self.world.archived
            self.world.invitations[made["id"]] = Asked(tenant, who, whom, role)
            self.seen.invitations[made["id"]] = whom

    @precondition(lambda self: self.seen.invitations)
    @rule(pick=PICK, whose=OWN_MOSTLY, answer=st.sampled_from([*["accept"] * 4, "decline"]))
    def answer_an_invitation(self, pick: int, whose: str | None, answer: str) -> None:
        key = self.ago(self.seen.invitations, pick)
        who = whose or self.seen.invitations[key]
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

    @precondition(lambda self: self.seen.invitations)
    @rule(who=ACTORS, pick=PICK, tenant=IN_TENANTS)
    def withdraw_an_invitation(self, who: str, pick: int, tenant: str) -> None:
        key, who = self.ago(self.seen.invitations, pick), self.somebody(who, tenant)
        if self.post(who, f"invitations/{key}/withdraw/") and key in self.world.invitations:
            asked = self.world.invitations.pop(key)
            assert self.world.may_give(asked.tenant, who, asked.role)

    @rule(who=PEOPLE, tenant=IN_TENANTS)
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

    @rule(who=ACTORS, tenant=IN_TENANTS, whom=PEOPLE, role=ROLES)
    def add(self, who: str, tenant: str, whom: str, role: str) -> None:
        who = self.somebody(who, tenant)
        if self.post(who, "memberships/", tenant=tenant, person=whom, role=role):
            assert self.world.may_give(tenant, who, role) and not self.world.role(tenant, whom)
            assert whom in self.world.active
            self.world.put(tenant, whom, role)

    # Roles and leaving

    @rule(who=ACTORS, pick=PICK, role=ROLES)
    def change_role(self, who: str, pick: int, role: str) -> None:
        key = self.ago(self.seen.memberships, pick)
        tenant, whom = self.seen.memberships[key]
        who = self.somebody(who, tenant)
        if self.send(who, "PATCH", f"memberships/{key}/", role=role):
            assert self.world.may_give(tenant, who, self.world.role(tenant, whom), role)
            self.world.put(tenant, whom, role)

    @rule(tenant=IN_TENANTS, whom=PEOPLE, role=ROLES, seen=st.sampled_from(["", *TENANT_ROLES, "keeper"]))
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
        key = self.ago(self.seen.memberships, pick)
        tenant, whom = self.seen.memberships[key]
        who = whom if who == "themselves" and whom in self.stage.clients else self.somebody(who, tenant)
        if who in self.stage.clients and self.send(who, "DELETE", f"memberships/{key}/") is not None:
            assert who == whom or self.world.may_give(tenant, who, self.world.role(tenant, whom))
            self.world.take(tenant, whom)

    # Handing over

    @rule(who=ACTORS, tenant=IN_TENANTS, whom=MEMBERS)
    def offer(self, who: str, tenant: str, whom: str) -> None:
        who, whom = self.somebody(who, tenant), self.somebody(whom, tenant)
        made = self.post(who, "ownership-transfers/", tenant=tenant, person=whom)
        if made:
            assert self.world.role(tenant, who) == "owner" and self.world.role(tenant, whom) not in ("", "owner")
            assert not any(each.tenant == tenant for each in self.world.transfers.values())
            self.world.transfers[made["id"]] = Asked(tenant, who, whom)
            self.seen.offers[made["id"]] = tenant, whom

    @precondition(lambda self: self.seen.offers)
    @rule(pick=PICK, other=st.one_of(st.none(), st.none(), ACTORS),
          answer=st.sampled_from(["accept", "accept", "decline", "withdraw"]))  # fmt: skip
    def answer_an_offer(self, pick: int, other: str | None, answer: str) -> None:
        key = self.ago(self.seen.offers, pick)
        tenant, whom = self.seen.offers[key]
        who = self.somebody(other, tenant) if other else whom
        if self.post(who, f"ownership-transfers/{key}/{answer}/"):
            transfer = self.world.transfers.pop(key)
            assert who == transfer.to or answer == "withdraw"
            if answer == "accept":
                self.world.hand_over(transfer)
