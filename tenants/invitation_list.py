"""Read a list of people to invite, and say of every line what would happen and what is wrong with it.

A list is CSV: an address and a role a line, separated by commas, semicolons or tabs, with or without a head. It is read
while somebody waits, which a list that is none is refused by at once, and checked by a worker. Checking asks the
database a few questions, however long the list is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from refusals.errors import Invalid
from tenants.alike import skeleton
from tenants.arrivals import Invitation
from tenants.custom_roles import roles_of
from tenants.delegation import assignable
from tenants.invite import AddressNotUnderstood, clean_address
from tenants.models import Membership, Tenant, User
from tenants.own_addresses import people_by_address
from tenants.security import domains

MOST_ROWS = 50_000
MOST_BYTES = 5 * 1024 * 1024
LONGEST_CELL = 300
EMAIL_HEADS, ROLE_HEADS = ("email", "e-mail", "address", "mail"), ("role",)
SEPARATORS = ",;\t"
INVITE, AGAIN = "invite", "again"
GOOD = frozenset({INVITE, AGAIN})
# What is wrong, in words for the filter above the rows.
PROBLEMS = {
    "bad_address": "No e-mail address",
    "unknown_role": "Unknown role",
    "role_above_yours": "Role above yours",
    "domain_not_allowed": "Domain not allowed",
    "duplicate": "Twice in the list",
    "look_alike": "Looks like another",
    "member_already": "Member already",
    "invited_already": "Invited already",
    "bad_line": "Not understood",
}


class ListNotUnderstood(Invalid):
    """The list as a whole cannot be read: too long, another encoding, empty."""

    code = "list_not_understood"


@dataclass
class Row:
    """One line: its number, what it says, what would happen (`invite`, `again`, or one of `PROBLEMS`) and why."""

    line: int
    email: str
    role: str
    outcome: str = INVITE
    note: str = ""

    @property
    def is_good(self) -> bool:
        return self.outcome in GOOD

    @property
    def word(self) -> str:
        """What would happen, in words."""
        return {INVITE: "Will be invited", AGAIN: "Will be invited anew"}.get(self.outcome) or PROBLEMS[self.outcome]

    def kept(self) -> list[Any]:
        """As it is kept until it is confirmed."""
        return [self.line, self.email, self.role, self.outcome, self.note]

    def _is(self, outcome: str, note: str) -> None:
        self.outcome, self.note = outcome, note


@dataclass(frozen=True, slots=True)
class _Earlier:
    """An invitation that there is already."""

    role: str
    has_expired: bool


@dataclass
class _Known:
    """What the tenant has already, asked at once."""

    domains: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict)  # role by address
    invited: dict[str, _Earlier] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)  # address by what it looks like


def read(lines: Iterable[str], *, default_role: str = "") -> list[Row]:
    """The rows of a list as they stand there, to be checked. Lines are read one by one.

    Raises `ListNotUnderstood` for more than `MOST_ROWS`, an encoding that is not UTF-8, or no row at all.
    """
    try:
        rows = list(islice(_rows(lines, default_role), MOST_ROWS + 1))
    except UnicodeDecodeError as error:
        raise ListNotUnderstood("The file is not UTF-8. Save it as “CSV UTF-8” and send it again.") from error
    if len(rows) > MOST_ROWS:
        raise ListNotUnderstood(f"A list has at most {MOST_ROWS:,} people. Send it in parts.")
    if not rows:
        raise ListNotUnderstood("There is nobody in this list. Put an address and a role on each line.")
    return rows


def check(rows: list[Row], tenant: Tenant, by: User, *, but: UUID | None = None) -> list[Row]:
    """`rows` with what is wrong with each by itself, and what `tenant` says of them, for `by` who would invite. What
    was invited by the list `but` is not looked at."""
    slugs = {role.name.lower(): role.slug for role in roles_of(tenant).values()}
    slugs |= {slug: slug for slug in slugs.values()}
    allowed = {role.slug for role in assignable(by, tenant)}
    for row in rows:
        if row.is_good:
            _clean(row, slugs)
    known = _known(tenant, {row.email for row in rows if row.is_good}, but)
    first: dict[str, int] = {}
    for row in rows:
        if row.is_good:
            _judge(row, known, first, allowed)
    return rows


def _judge(row: Row, known: _Known, first: dict[str, int], allowed: set[str]) -> None:
    email = row.email
    if row.role not in allowed:
        what = "makes an owner" if row.role == "owner" else "gives this role"
        return row._is("role_above_yours", f"Only an owner or the platform team {what}.")
    if email in first:
        return row._is("duplicate", f"The same address is on line {first[email]}.")
    first[email] = row.line
    if not domains.is_of(email, known.domains):
        return row._is("domain_not_allowed", "The tenant allows addresses of other domains only.")
    if email in known.members:
        return row._is("member_already", f"As {known.members[email]}. Change the role on the members' page.")
    earlier = known.invited.get(email)
    if earlier is not None and not earlier.has_expired:
        return row._is("invited_already", f"As {earlier.role}. Send it again or withdraw it.")
    other = known.alike.setdefault(skeleton(email), email)
    if other != email:
        return row._is("look_alike", f"It can be mistaken for {other}. If both are right, invite this one by itself.")
    if earlier is not None:
        row._is(AGAIN, "The earlier invitation has expired; this one takes its place.")
    return None


def _known(tenant: Tenant, addresses: set[str], but: UUID | None) -> _Known:
    known = _Known(domains=tuple(tenant.allowed_email_domains))
    roles: dict[Any, str] = {}
    for user_id, role, email in Membership.objects.filter(tenant=tenant).values_list("user", "role", "user__email"):
        roles[user_id] = role
        if email:
            known.members[email.lower()] = role
            known.alike.setdefault(skeleton(email), email.lower())
    for email, person in people_by_address(addresses).items():
        if person.pk in roles:
            known.members[email] = roles[person.pk]
    now, invited = timezone.now(), Invitation.objects.open().filter(tenant=tenant)
    if but is not None:
        invited = invited.filter(Q(batch=None) | ~Q(batch=but))
    for email, role, expires_at in invited.values_list("email", "role", "expires_at"):
        known.invited[email] = _Earlier(role, expires_at <= now)
        known.alike.setdefault(skeleton(email), email)
    return known


def _rows(lines: Iterable[str], default_role: str) -> Iterator[Row]:
    lines = (line.replace("\x00", "") for line in lines)
    head = next(lines, "").removeprefix("\ufeff")
    separator = max(SEPARATORS, key=head.count)
    reader = csv.reader(chain([head], lines), delimiter=separator)
    email_at, role_at, is_first = 0, 1, True
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, "", "", "bad_line", f"This is not CSV: {error}.")
            continue
        if is_first and any(cell.lower() in EMAIL_HEADS for cell in cells):
            heads = [cell.lower() for cell in cells]
            email_at = next(at for at, cell in enumerate(heads) if cell in EMAIL_HEADS)
            role_at = next((at for at, cell in enumerate(heads) if cell in ROLE_HEADS), len(heads))
        elif any(cells):
            email = cells[email_at] if email_at < len(cells) else ""
            role = (cells[role_at] if role_at < len(cells) else "") or default_role
            yield Row(reader.line_num, email[:LONGEST_CELL], role[:LONGEST_CELL])
        is_first = False


def _clean(row: Row, slugs: Mapping[str, str]) -> None:
    """Address and role as they are kept, or what is wrong with them."""
    row.role = slugs.get(row.role.lower(), row.role)
    try:
        row.email = clean_address(row.email)
    except AddressNotUnderstood:
        return row._is("bad_address", "Write it as name@example.com.")
    if row.role not in slugs.values():
        named = f"There is no role “{row.role}”." if row.role else "No role is given."
        row._is("unknown_role", f"{named} Choose one of {', '.join(dict.fromkeys(slugs.values()))}.")
    return None
