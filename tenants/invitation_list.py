"""Read a list of people to invite, and say of every line what would happen and what is wrong with it.

A list is CSV: an address and a role a line, separated by commas, semicolons or tabs, with or without a head. Checking
asks the database four questions, however long the list is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from refusals.errors import Invalid
from tenants.alike import skeleton
from tenants.arrivals import Invitation
from tenants.delegation import assignable
from tenants.invite import AddressNotUnderstood, clean_address
from tenants.models import Membership, Tenant, User
from tenants.own_addresses import people_by_address
from tenants.roles import TENANT_ROLES, Role
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


@dataclass
class _Known:
    """What the tenant has already, asked at once."""

    domains: tuple[str, ...] = ()
    members: dict[str, str] = field(default_factory=dict)  # role by address
    invited: dict[str, Invitation] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)  # address by what it looks like


def read(lines: Iterable[str], *, roles: Mapping[str, Role] = TENANT_ROLES, default_role: str = "") -> list[Row]:
    """The rows of a list, each with what can be said of it alone. Lines are read one by one. `roles` are those that
    there are, by slug.

    Raises `ListNotUnderstood` for more than `MOST_ROWS`, an encoding that is not UTF-8, or no row at all.
    """
    try:
        rows = list(islice(_rows(lines, roles, default_role), MOST_ROWS + 1))
    except UnicodeDecodeError as error:
        raise ListNotUnderstood("The file is not UTF-8. Save it as “CSV UTF-8” and send it again.") from error
    if len(rows) > MOST_ROWS:
        raise ListNotUnderstood(f"A list has at most {MOST_ROWS:,} people. Send it in parts.")
    if not rows:
        raise ListNotUnderstood("There is nobody in this list. Put an address and a role on each line.")
    return rows


def check(rows: list[Row], tenant: Tenant, by: User) -> list[Row]:
    """`rows` with what `tenant` says of them, for `by` who would invite."""
    allowed = {role.slug for role in assignable(by, tenant)}
    known = _known(tenant, {row.email for row in rows if row.is_good})
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
    if earlier is not None and earlier.state == "invited":
        return row._is("invited_already", f"As {earlier.role}. Send it again or withdraw it.")
    other = known.alike.setdefault(skeleton(email), email)
    if other != email:
        return row._is("look_alike", f"It can be mistaken for {other}. If both are right, invite this one by itself.")
    if earlier is not None:
        row._is(AGAIN, "The earlier invitation has expired; this one takes its place.")
    return None


def _known(tenant: Tenant, addresses: set[str]) -> _Known:
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
    for invitation in Invitation.objects.open().filter(tenant=tenant):
        known.invited[invitation.email] = invitation
        known.alike.setdefault(skeleton(invitation.email), invitation.email)
    return known


def _rows(lines: Iterable[str], roles: Mapping[str, Role], default_role: str) -> Iterator[Row]:
    slugs = {role.name.lower(): role.slug for role in roles.values()} | {slug: slug for slug in roles}
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
            yield _row(reader.line_num, cells, email_at, role_at, default_role, slugs)
        is_first = False


def _row(line: int, cells: list[str], email_at: int, role_at: int, default_role: str, slugs: Mapping[str, str]) -> Row:
    email = cells[email_at] if email_at < len(cells) else ""
    role = (cells[role_at] if role_at < len(cells) else "") or default_role
    row = Row(line, email[:LONGEST_CELL], slugs.get(role.lower(), role)[:LONGEST_CELL])
    try:
        row.email = clean_address(email)
    except AddressNotUnderstood:
        row._is("bad_address", "Write it as name@example.com.")
        return row
    if row.role not in slugs.values():
        named = f"There is no role “{row.role}”." if row.role else "No role is given."
        row._is("unknown_role", f"{named} Choose one of {', '.join(dict.fromkeys(slugs.values()))}.")
    return row
