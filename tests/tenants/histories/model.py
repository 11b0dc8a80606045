"""What the rules say of a history, told apart from the code that carries it out: who is in, as what, which keys open.

Nothing here asks the product anything but the table of built-in roles. The files beside this one let people act, tell
the model what was done, and compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from tenants.roles import PLATFORM_ROLES, PROJECT_ROLES, TENANT_ROLES

NAMES_OWNERS = "tenants.add_tenant"
BUILT_IN = list(TENANT_ROLES)


@dataclass
class Member:
    role: str
    since: int
    by_rule: bool = False


@dataclass
class Use:
    """A project."""

    tenant: str
    slug: str
    archived: bool = False
    moved: bool = False


@dataclass
class Key:
    project: str
    holder: str | None
    over: bool = False


@dataclass
class Asked:
    """An invitation (`of` is who invited, `to` who was) or a transfer (`of` gives, `to` receives) that is open."""

    tenant: str
    of: str
    to: str
    role: str = ""


@dataclass
class Review:
    tenant: str
    began: int
    confirmed: set[str] = field(default_factory=set)


@dataclass
class Timed:
    """What `person` holds for a time, or will, or asks for: `role`, or what the membership of `absent` gives."""

    tenant: str
    person: str
    role: str = ""
    absent: str = ""
    state: str = "waiting"  # planned, running, over

    @property
    def is_open(self) -> bool:
        return self.state != "over"


@dataclass
class Seen:
    """What people saw and may act upon, also where it is over by now."""

    memberships: dict[str, tuple[str, str]] = field(default_factory=dict)  # tenant and person
    invitations: dict[str, str] = field(default_factory=dict)  # who was invited
    offers: dict[str, tuple[str, str]] = field(default_factory=dict)  # tenant and receiver
    roles: dict[str, tuple[str, str]] = field(default_factory=dict)  # project and person


@dataclass
class World:
    """Everything that decides what somebody holds."""

    active: set[str]
    above: dict[str, set[str]]
    members: dict[tuple[str, str], Member]  # by tenant and person
    projects: dict[str, Use]
    services: dict[str, str] = field(default_factory=dict)  # whose they are
    archived: set[str] = field(default_factory=set)
    in_projects: dict[tuple[str, str], str] = field(default_factory=dict)  # role by project and person
    keys: dict[str, Key] = field(default_factory=dict)
    invitations: dict[str, Asked] = field(default_factory=dict)
    transfers: dict[str, Asked] = field(default_factory=dict)
    joins: dict[str, Asked] = field(default_factory=dict)
    reviews: dict[str, Review] = field(default_factory=dict)
    rules: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # tenant, group, role
    groups: set[tuple[str, str]] = field(default_factory=set)  # group, person
    timed: dict[str, Timed] = field(default_factory=dict)
    own_roles: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # by tenant and slug
    changes: int = 0  # of memberships
    clock: int = 0

    def role(self, tenant: str, person: str) -> str:
        member = self.members.get((tenant, person))
        return member.role if member else ""

    def gives(self, tenant: str, role: str) -> frozenset[str]:
        """What a role gives in `tenant`, built in or its own."""
        return TENANT_ROLES[role].permissions if role in TENANT_ROLES else self.own_roles[tenant, role]

    def above_of(self, person: str) -> frozenset[str]:
        return frozenset().union(*(PLATFORM_ROLES[role].permissions for role in self.above.get(person, ())))

    def holds(self, tenant: str, person: str) -> frozenset[str]:
        """What `person` may do in `tenant`."""
        if person not in self.active:
            return frozenset()
        return self.above_of(person) | self.kept(tenant, person)

    def kept(self, tenant: str, person: str) -> frozenset[str]:
        """What is kept of `person` in `tenant`, whether or not they are switched off."""
        if not self.role(tenant, person):
            return frozenset()
        live = [each for each in self.timed.values() if (each.tenant, each.person) == (tenant, person)]
        roles = [each.role or self.role(tenant, each.absent) for each in live if each.state == "running"]
        return frozenset().union(*(self.gives(tenant, role) for role in [self.role(tenant, person), *roles]))

    def passes_on(self, tenant: str, person: str) -> frozenset[str]:
        """What they hold other than for a time."""
        role = self.role(tenant, person)
        return self.above_of(person) | (self.gives(tenant, role) if role else frozenset())

    def may(self, tenant: str, person: str, permission: str) -> bool:
        return f"tenants.{permission}" in self.holds(tenant, person)

    def holds_there(self, project: str, person: str) -> frozenset[str]:
        """What `person` may do in `project`."""
        held, role = self.holds(self.projects[project].tenant, person), self.in_projects.get((project, person))
        return held | PROJECT_ROLES[role].permissions if role and person in self.active else held

    def may_there(self, project: str, person: str, permission: str) -> bool:
        return f"tenants.{permission}" in self.holds_there(project, person)

    def may_give_there(self, project: str, person: str, *roles: str) -> bool:
        """Who manages the members of the project, up to what they hold there for good themselves."""
        if person not in self.active:
            return False
        role = self.in_projects.get((project, person))
        passes_on = self.passes_on(self.projects[project].tenant, person)
        passes_on |= PROJECT_ROLES[role].permissions if role else frozenset()
        needed = frozenset().union(*(PROJECT_ROLES[each].permissions for each in roles))
        return "tenants.manage_members" in passes_on and (needed <= passes_on or NAMES_OWNERS in passes_on)

    def give_there(self, project: str, person: str, role: str) -> None:
        """Somebody gets a role in a project, or another one."""
        assert not self.is_closed(project) and self.role(self.projects[project].tenant, person)
        assert person not in self.services or role != "owner"
        self.in_projects[project, person] = role

    def _end_there(self, tenant: str, person: str) -> None:
        for project, whose in list(self.in_projects):
            if whose == person and self.projects[project].tenant == tenant:
                del self.in_projects[project, whose]

    def may_give(self, tenant: str, person: str, *roles: str) -> bool:
        """Nobody gives or takes more than they hold for good; who makes tenants gives them their owners."""
        needed = frozenset().union(*(self.gives(tenant, role) for role in roles if role))
        own = self.passes_on(tenant, person)
        return self.may(tenant, person, "manage_members") and (needed <= own or NAMES_OWNERS in own)

    def owners(self, tenant: str) -> set[str]:
        return {person for (where, person), each in self.members.items() if where == tenant and each.role == "owner"}

    def has_another_owner(self, tenant: str, person: str) -> bool:
        return bool((self.owners(tenant) & self.active) - {person})

    def put(self, tenant: str, person: str, role: str, *, by_rule: bool = False) -> None:
        """Somebody becomes a member, or gets another role."""
        before = self.members.get((tenant, person))
        if before and before.role == role:
            return
        assert tenant not in self.archived
        is_boss = "tenants.manage_tenant" in self.gives(tenant, role)
        assert person not in self.services or (self.services[person] == tenant and not is_boss)
        if before and before.role == "owner":
            assert self.has_another_owner(tenant, person), f"{tenant} lost its last owner, {person}"
        if before:
            self._end_transfers(tenant, person)
            if self.gives(tenant, before.role) - self.gives(tenant, role):
                self._end_there(tenant, person)
        self.clock += 1
        self.changes += 1
        self.members[tenant, person] = Member(role, before.since if before else self.clock, by_rule)

    def take(self, tenant: str, person: str) -> None:
        """Somebody is no member any more."""
        assert self.role(tenant, person) != "owner" or self.has_another_owner(tenant, person), "the last owner left"
        del self.members[tenant, person]
        self.end_timed(tenant=tenant, person=person)
        self._end_transfers(tenant, person)
        self._end_there(tenant, person)
        self.changes += 1

    def conclude(self, review: Review) -> None:
        """Who was there when it began and is not confirmed goes, but for the last owner."""
        there = sorted((each.since, person) for (tenant, person), each in self.members.items()
                       if tenant == review.tenant and each.since <= review.began)  # fmt: skip
        for _, person in there:
            if person in review.confirmed:
                continue
            if self.role(review.tenant, person) != "owner" or self.has_another_owner(review.tenant, person):
                self.take(review.tenant, person)

    def hand_over(self, transfer: Asked) -> None:
        assert self.role(transfer.tenant, transfer.of) == "owner"
        assert {transfer.of, transfer.to} <= self.active
        assert self.role(transfer.tenant, transfer.to)
        self.put(transfer.tenant, transfer.to, "owner")
        self.put(transfer.tenant, transfer.of, "admin")

    def follow_rules(self, person: str, *, only: str = "") -> None:
        """What the rules of the platform's directory make of the groups in which `person` is now (in one tenant)."""
        wanted: dict[str, str] = {}
        for tenant, group, role in self.rules.values():
            if (group, person) in self.groups:
                wanted[tenant] = max(wanted.get(tenant, role), role, key=partial(self._strength, tenant))
        for tenant in {only} if only else {tenant for tenant, _ in self.members} | set(wanted):
            before, after = self.members.get((tenant, person)), wanted.get(tenant, "")
            if before and (not before.by_rule or before.role == after):
                continue
            if before and before.role == "owner" and not self.has_another_owner(tenant, person):
                continue
            if after and tenant not in self.archived:
                self.put(tenant, person, after, by_rule=True)
            elif before and not after:
                self.take(tenant, person)

    def open_again(self, tenant: str, people: Iterable[str]) -> None:
        """A tenant is restored: of `people`, in this order, those whom rules concern there get what these ask for."""
        self.archived.discard(tenant)
        groups = {group for where, group, _ in self.rules.values() if where == tenant}
        for person in people if groups else ():
            member = self.members.get((tenant, person))
            if (member and member.by_rule) or any((group, person) in self.groups for group in groups):
                self.follow_rules(person, only=tenant)

    def _strength(self, tenant: str, role: str) -> tuple[bool, bool, int, int]:
        gives = self.gives(tenant, role)
        place = BUILT_IN.index(role) if role in BUILT_IN else len(BUILT_IN)
        return "tenants.manage_tenant" in gives, "tenants.manage_members" in gives, len(gives), -place

    def change_role(self, tenant: str, slug: str, after: frozenset[str]) -> None:
        """A role of the tenant's own is made, or gives something else from now on."""
        if self.own_roles.get((tenant, slug), frozenset()) - after:
            for where, person in self.members:
                if where == tenant and self.role(tenant, person) == slug:
                    self._end_there(tenant, person)
        self.own_roles[tenant, slug] = after

    def retire(self, tenant: str, slug: str, to: str) -> None:
        """Who has the role, or is invited as it, gets another one."""
        assert not any(each[0] == tenant and each[2] == slug for each in self.rules.values())
        for (where, person), member in list(self.members.items()):
            if where == tenant and member.role == slug:
                self.put(tenant, person, to, by_rule=member.by_rule)
        for asked in self.invitations.values():
            if asked.tenant == tenant and asked.role == slug:
                asked.role = to
        timed = [each for each in self.timed.values() if each.is_open and (each.tenant, each.role) == (tenant, slug)]
        assert to or not timed
        for each in timed:
            each.state = "over"
        del self.own_roles[tenant, slug]

    def end_timed(self, *, tenant: str = "", person: str = "") -> None:
        """What stands on a membership, a tenant or an account ends with it."""
        for each in self.timed.values():
            if tenant in ("", each.tenant) and (not person or person in (each.person, each.absent)):
                each.state = "over"

    def move(self, project: str, made: str, tenant: str) -> None:
        """Keys whose holder is there work on: without that holder, where they are no member of the other tenant."""
        source = self.projects[project]
        assert source.tenant != tenant
        for key in self.keys.values():
            if key.project == project:
                works = self._is_there(key.holder, source.tenant)
                key.project = made
                if works and key.holder and not self.role(tenant, key.holder):
                    key.holder = None
        for where, person in list(self.in_projects):
            if where == project:
                del self.in_projects[where, person]
        self.projects[made] = Use(tenant, source.slug)
        source.archived = source.moved = True

    def is_closed(self, project: str) -> bool:
        return self.projects[project].archived or self.projects[project].tenant in self.archived

    def opens(self, key: Key) -> bool:
        """Whether `key` opens anything."""
        project = self.projects[key.project]
        return not key.over and not self.is_closed(key.project) and self._is_there(key.holder, project.tenant)

    def _is_there(self, holder: str | None, tenant: str) -> bool:
        return holder is None or (holder in self.active and bool(self.role(tenant, holder)))

    def _end_transfers(self, tenant: str, person: str) -> None:
        for key, each in list(self.transfers.items()):
            if each.tenant == tenant and person in (each.of, each.to):
                del self.transfers[key]
