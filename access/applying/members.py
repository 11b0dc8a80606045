"""The steps for people: who is made a member, gets another role, is invited, or (`prune`) taken out.

A name without `@` is a user name, one with it an address, as everywhere. Who is known is made a member at once; to an
address that nobody has goes an invitation. Owners are made before others are unmade, so a tenant is never without one.
Whom a rule of a directory made a member stays until the directory says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.db.models.functions import Lower

from access.applying.authority import Authority
from access.applying.schema import MemberPart
from access.applying.steps import Change, Step
from refusals import Refusal
from refusals.errors import Conflict
from refusals.problems import Problem
from tenants.arrivals import Invitation
from tenants.invite import clean_address, invite, withdraw
from tenants.memberships import add_member, remove_member
from tenants.models import Membership, Tenant, User
from tenants.own_addresses import people_by_address

MOST_INVITED = 200  # by one file; each is a mail, and lists of invitations send them one by one in the background


@dataclass
class People:
    """Who the names of a file stand for, among everybody and among the members and invited of a tenant."""

    tenant: Tenant
    members: dict[Any, Membership] = field(default_factory=dict)
    invited: dict[str, Invitation] = field(default_factory=dict)
    behind: dict[str, User] = field(default_factory=dict)  # who has the address of an invitation
    problems: list[Problem] = field(default_factory=list)
    _by_name: dict[str, list[User]] = field(default_factory=dict)

    @classmethod
    def of(cls, tenant: Tenant, names: Iterable[str]) -> People:
        """Read them all: seven queries."""
        found = cls(tenant)
        rows = Membership.objects.filter(tenant=tenant).select_related("user", "tenant")
        found.members = {row.user_id: row for row in rows}
        found.invited = {row.email: row for row in Invitation.objects.in_state("invited").filter(tenant=tenant)}
        found.behind = people_by_address(found.invited)
        found._look_up({name.lower() for name in names})
        return found

    def _look_up(self, names: set[str]) -> None:
        addresses = {name for name in names if "@" in name}
        everybody: Any = User.objects
        own = everybody.annotate(as_name=Lower("username"), as_address=Lower("email"))
        held = Q(is_active=True) | Q(pk__in=list(self.members))
        for user in own.filter(Q(as_name__in=names - addresses) | Q(as_address__in=addresses), held):
            for name in {user.as_name, user.as_address} & names:
                if (name in addresses) == (name == user.as_address):
                    self._by_name.setdefault(name, []).append(user)
        for address, user in people_by_address(addresses).items():
            if user not in self._by_name.setdefault(address, []):
                self._by_name[address].append(user)

    def known(self, part: MemberPart) -> User | None:
        """The person, where it is plain who that is."""
        found = self._by_name.get(part.person.lower(), [])
        exact = [user for user in found if user.username == part.person]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def called(self, part: MemberPart) -> User | str | None:
        """The person; the address to invite; None with a problem noted."""
        if user := self.known(part):
            return user
        if self._by_name.get(part.person.lower()):
            self.wrong(part, f"Several people are called “{part.person}”. Give the user name as their page shows it.")
            return None
        if "@" not in part.person:
            self.wrong(part, f"There is no active person called “{part.person}”. Give an e-mail to invite somebody.")
            return None
        try:
            return clean_address(part.person)
        except Refusal as refusal:
            self.wrong(part, refusal.sentence)
            return None

    def wrong(self, part: MemberPart, sentence: str) -> None:
        self.problems.append(Problem(part.line, sentence))


def first_owner(wanted: tuple[MemberPart, ...], people: People) -> User | None:
    """The first of the owners that has an account: with them a new tenant begins."""
    found = (people.called(part) for part in wanted if part.role == "owner")
    return next((each for each in found if isinstance(each, User) and not each.is_service), None)


def member_steps(
    wanted: tuple[MemberPart, ...], people: People, prune: bool, authority: Authority
) -> tuple[list[Step], list[str]]:
    """The steps, and who is there and not named. Problems are noted in `people`."""
    steps: list[Step] = []
    named: set[User] = set()
    addresses: set[str] = set()
    for part in wanted:
        found = people.called(part)
        if found is None:
            continue
        if found in addresses or found in named:
            people.wrong(part, f"“{part.person}” is here twice. Keep one of them.")
        elif isinstance(found, str):
            addresses.add(found)
            steps += _inviting(found, part, people, authority)
        else:
            named.add(found)
            steps += _belonging(found, part, people, authority)
    if sum(step.kind == "invitation" for step in steps) > MOST_INVITED:
        sentence = f"This would invite more than {MOST_INVITED} people. Invite them by a list, on the page of members."
        people.problems.append(Problem(0, sentence))
    gone = [row for row in people.members.values() if row.user not in named and row.directory_id is None]
    lapsed = [row for row in people.invited.values() if row.email not in addresses and row.directory_id is None]
    lapsed = [row for row in lapsed if not _is_of_no_use(row, people, named)]
    if not prune:
        return _owners_first(steps), [*(f"the member {row.user.username}" for row in gone),
                                      *(f"the invitation of {row.email}" for row in lapsed)]  # fmt: skip
    return [*_owners_first(steps), *(_removing(row, authority) for row in gone),
            *(_withdrawing(row, authority) for row in lapsed)], []  # fmt: skip


def _belonging(user: User, part: MemberPart, people: People, authority: Authority) -> list[Step]:
    held = people.members.get(user.pk)
    before = held.role if held else ""
    if before == part.role:
        return []
    changes = (Change("role", before or None, part.role),)
    refused = authority.over_roles(*filter(None, (before, part.role)))

    def perform(tenant: Tenant, by: Any) -> None:
        add_member(tenant=tenant, user=user, role=part.role, by=by, seen=before, tells=True)

    return [Step("change" if before else "create", "member", user.username, changes, perform, refused)]


def _inviting(address: str, part: MemberPart, people: People, authority: Authority) -> list[Step]:
    held = people.invited.get(address)
    if held and held.role == part.role:
        return []
    changes = (Change("role", held.role if held else None, part.role),)
    refused = authority.over_roles(*filter(None, (held.role if held else "", part.role)))

    def perform(tenant: Tenant, by: Any) -> None:
        if held:
            withdraw(invitation=held, by=by)
        invite(tenant=tenant, email=address, role=part.role, by=by)

    return [Step("change" if held else "create", "invitation", address, changes, perform, refused)]


def _removing(membership: Membership, authority: Authority) -> Step:
    own = authority.person is not None and membership.user_id == authority.person.pk
    refused = "" if own else authority.over_roles(membership.role)

    def perform(tenant: Tenant, by: Any) -> None:
        remove_member(membership=membership, by=by)

    changes = (Change("role", membership.role, None),)
    return Step("remove", "member", membership.user.username, changes, perform, refused)


def _withdrawing(invitation: Invitation, authority: Authority) -> Step:
    def perform(tenant: Tenant, by: Any) -> None:
        if withdraw(invitation=invitation, by=by).withdrawn_at is None:
            raise Conflict(f"The invitation of {invitation.email} was answered meanwhile. Look again.")

    changes = (Change("role", invitation.role, None),)
    refused = authority.over_roles(invitation.role)
    return Step("remove", "invitation", invitation.email, changes, perform, refused)


def _is_of_no_use(invitation: Invitation, people: People, named: set[User]) -> bool:
    """Whether who is invited is a member or becomes one."""
    own = people.behind.get(invitation.email)
    return own is not None and (own.pk in people.members or own in named)


def _owners_first(steps: list[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: all(change.after != "owner" for change in step.changes))
