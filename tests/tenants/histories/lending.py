"""Deeds: roles of a tenant's own, and what is held for a time."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenants import timing
from tenants.elevations import Elevation
from tenants.models import CustomRole
from tests.tenants.histories.deeds import ACTORS, IN_TENANTS, MEMBERS, PERMISSIONS, PICK, ROLES, Deeds
from tests.tenants.histories.model import Timed


class Lending(Deeds):
    """Custom roles, elevations, standing in."""

    # Roles of a tenant's own: “keeper”

    @rule(who=ACTORS, tenant=IN_TENANTS, permissions=PERMISSIONS)
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

    @rule(who=ACTORS, tenant=IN_TENANTS, to=st.one_of(st.just(""), ROLES))
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

    @rule(who=st.one_of(ACTORS, MEMBERS), tenant=IN_TENANTS, whom=st.one_of(st.none(), MEMBERS), role=ROLES)
    def ask_or_give_for_a_time(self, who: str, tenant: str, whom: str | None, role: str) -> None:
        who, whom = self.somebody(who, tenant), whom and self.somebody(whom, tenant)
        made = self.post(who, "elevations/", tenant=tenant, role=role, hours=1, reason="x", person=whom or "")
        if made:
            person = whom or who
            assert self.world.role(tenant, person) and tenant not in self.world.archived
            assert person in self.world.active and self.open_timed(tenant, person) == []
            assert whom is None or (who != whom and self.world.may_give(tenant, who, role))
            state = "running" if whom else "waiting"
            self.world.timed[made["id"]] = Timed(tenant, person, role, state=state)

    @rule(who=MEMBERS, tenant=IN_TENANTS, whom=MEMBERS, days=st.sampled_from([0, 0, 2]))
    def name_a_stand_in(self, who: str, tenant: str, whom: str, days: int) -> None:
        who, begins = self.somebody(who, tenant), timezone.now() + dt.timedelta(days=days)
        whom = self.somebody(whom, tenant)
        period = {"starts_at": begins.isoformat(), "ends_at": (begins + dt.timedelta(days=1)).isoformat()}
        made = self.post(who, "elevations/stand-in/", tenant=tenant, person=whom, **period)
        if made:
            assert self.world.role(tenant, who) and self.world.role(tenant, whom) and who != whom
            assert whom in self.world.active and tenant not in self.world.archived
            lends = [each for each in self.world.timed.values() if each.is_open and each.absent == who]
            assert all(each.tenant != tenant for each in lends)
            state = "planned" if days else "running"
            self.world.timed[made["id"]] = Timed(tenant, whom, absent=who, state=state)

    @precondition(lambda self: any(each.state == "waiting" for each in self.world.timed.values()))
    @rule(who=ACTORS, pick=PICK, verb=st.sampled_from(["grant", "grant", "decline", "withdraw"]))
    def answer(self, who: str, pick: int, verb: str) -> None:
        """Also what was answered already."""
        asked = [key for key, each in self.world.timed.items() if not each.absent]
        waiting = [key for key in asked if self.world.timed[key].state == "waiting"]
        key = self.ago(waiting if pick % 3 else asked, pick)
        each = self.world.timed[key]
        who = each.person if verb == "withdraw" else self.somebody(who, each.tenant)
        before = each.state
        if not self.post(who, f"elevations/{key}/{verb}/", **({"reason": "x"} if verb == "decline" else {})):
            return
        if verb == "withdraw":
            assert before in ("waiting", "over")
            each.state = "over"
        else:
            assert before == "waiting" and who != each.person
            assert self.world.may_give(each.tenant, who, each.role)
            each.state = "running" if verb == "grant" else "over"

    @precondition(lambda self: self.world.timed)
    @rule(who=st.one_of(ACTORS, st.sampled_from(["who holds it", "who is away"])), pick=PICK)
    def end(self, who: str, pick: int) -> None:
        key = self.ago(self.world.timed, pick)
        each = self.world.timed[key]
        who = {"who holds it": each.person, "who is away": each.absent or each.person}.get(who, who)
        who, before = self.somebody(who, each.tenant), each.state
        if self.post(who, f"elevations/{key}/end/"):
            assert before != "waiting"
            own = who in (each.person, each.absent)
            role = each.role or self.world.role(each.tenant, each.absent)
            assert own or before == "over" or self.world.may_give(each.tenant, who, role)
            each.state = "over"

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
