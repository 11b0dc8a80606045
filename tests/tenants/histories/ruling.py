"""Deeds of those above tenants, of the directory and of the access review; and service accounts."""

from __future__ import annotations

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenants import reviewing
from tenants.models import AccessReview, Membership
from tests.tenants.histories.deeds import ACTORS, IN_TENANTS, PEOPLE, PICK, ROLES, Deeds
from tests.tenants.histories.model import Review
from tests.tenants.histories.stage import GROUPS

ABOVE = st.sampled_from(["platform", "auditor", "finops"])


class Ruling(Deeds):
    """Switching people off, roles above tenants, service accounts, groups and their rules, access reviews."""

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
                self.send(whom, "GET", "me/")  # refused, as `send` looks

    @rule(
        whom=PEOPLE,
        role=st.sampled_from(["platform", "auditor", "finops"]),
        verb=st.sampled_from(["appoint", "dismiss"]),
    )
    def appoint(self, whom: str, role: str, verb: str) -> None:
        if self.post("pat", f"people/{whom}/{verb}/", role=role):
            roles = self.world.above.setdefault(whom, set())
            (roles.add if verb == "appoint" else roles.discard)(role)

    @rule(who=ACTORS, tenant=IN_TENANTS, name=st.sampled_from(["batch", "ci"]), role=ROLES)
    def create_a_service_account(self, who: str, tenant: str, name: str, role: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "service-accounts/", tenant=tenant, name=name, role=role)
        if made:
            assert self.world.may_give(tenant, who, role)
            account = f"svc.{tenant}.{name}"
            self.world.services[account] = tenant
            self.world.active.add(account)
            self.world.put(tenant, account, role)

    # The directory and the access review

    @rule(tenant=IN_TENANTS, group=st.sampled_from(GROUPS), role=ROLES)
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

    @rule(group=st.sampled_from(GROUPS), whom=PEOPLE, joins=st.booleans())
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

    @rule(who=ACTORS, tenant=IN_TENANTS)
    def begin_a_review(self, who: str, tenant: str) -> None:
        who = self.somebody(who, tenant)
        made = self.post(who, "access-reviews/", tenant=tenant)
        if made:
            assert self.world.may(tenant, who, "manage_tenant")
            self.world.reviews[made["id"]] = Review(tenant, self.world.clock)

    @precondition(lambda self: self.world.reviews)
    @rule(who=ACTORS, pick=PICK, of=PICK)
    def confirm(self, who: str, pick: int, of: int) -> None:
        key, membership = self.ago(self.world.reviews, pick), self.ago(self.seen.memberships, of)
        review, (tenant, whom) = self.world.reviews[key], self.seen.memberships[membership]
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
