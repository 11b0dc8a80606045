"""What rules make of groups: who becomes a member, of which role, and who no longer is one.

`plan` says what would change and changes nothing, so that a page can show it first; `reconcile` carries it out with the
verbs of memberships. What was given by hand is never changed, but in a tenant's own directory whoever is switched off
or removed is no member any more. A tenant's last owner stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from audit.composed import selection, taken
from audit.record import record
from refusals import Refusal
from tenants import invite as invitations
from tenants.arrivals import Invitation
from tenants.custom_roles import with_roles
from tenants.directory.attributes import folded
from tenants.memberships import add_member, remove_member
from tenants.models import Directory, DirectoryGroupMember, DirectoryPerson, DirectoryRule, Membership, Tenant
from tenants.roles import TENANT_ROLES, Role, strength

_PLACES = list(TENANT_ROLES)
NO_GROUP = (
    "No group of yours at your organisation brings you into it any more. If that is wrong, ask whoever looks after the "
    "groups, or an owner."
)


@dataclass(frozen=True)
class Move:
    """What changes for one person in one tenant: from role `before` ("" for none) to `after`."""

    person: DirectoryPerson
    tenant: Tenant
    before: str
    after: str
    rule: DirectoryRule | None = None
    membership: Membership | None = None
    invitation: Invitation | None = None

    @property
    def is_invitation(self) -> bool:
        """The person has no account in the tenant yet: they are asked in first."""
        return self.person.user_id is None


def rules_of(directory: Directory) -> list[DirectoryRule]:
    """The rules that hold for a directory."""
    return list(directory.rules.select_related("tenant", "created_by"))


def plan(directory: Directory, people: Sequence[DirectoryPerson], rules: Collection[DirectoryRule]) -> list[Move]:
    """What `rules` would change for `people` of `directory` now. Four queries, however many there are."""
    wanted = _wanted(directory, people, rules)
    by_user = {person.user_id: person for person in people if person.user_id}
    by_address = {person.email: person for person in people if not person.user_id and person.email}
    tenants = {rule.tenant_id: rule.tenant for rule in rules}
    held: dict[tuple[UUID, UUID], Membership] = {}
    reached = Q(tenant__in=tenants) | Q(directory=directory) | Q(tenant=directory.tenant_id)
    for each in Membership.objects.filter(reached, user__in=by_user).select_related("tenant", "user"):
        held[by_user[each.user_id].pk, each.tenant_id] = each
        tenants[each.tenant_id] = each.tenant
    asked: dict[tuple[UUID, UUID], Invitation] = {}
    if by_address:
        open_ones = Invitation.objects.open().filter(directory=directory, email__in=by_address)
        for one in open_ones.select_related("tenant"):
            asked[by_address[one.email].pk, one.tenant_id] = one
            tenants[one.tenant_id] = one.tenant
    everybody = {person.pk: person for person in people}
    moves = []
    for pair in {**wanted, **held, **asked}:
        person, tenant = everybody[pair[0]], tenants[pair[1]]
        move = _move(directory, person, tenant, wanted.get(pair), held.get(pair), asked.get(pair))
        if move is not None:
            moves.append(move)
    return moves


def _rank(role: Role | None) -> Any:
    """Of several rules the strongest role counts; of equally strong ones the built-in, then the one that was first."""
    if role is None:
        return ()
    return (*strength(role), -_PLACES.index(role.slug) if role.slug in _PLACES else -len(_PLACES))


def hold_all(directories: Sequence[Directory]) -> None:
    """`hold` for several: their rows come before those of tenants, each in one order."""
    keys = [directory.pk for directory in directories]
    list(Directory.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").values_list("pk"))
    tenants = Q(pk__in=[directory.tenant_id for directory in directories if directory.tenant_id])
    tenants |= Q(pk__in=DirectoryRule.objects.filter(directory__in=keys).values("tenant"))
    tenants |= Q(pk__in=Membership.objects.filter(directory__in=keys).values("tenant"))
    list(Tenant.objects.select_for_update(no_key=True).filter(tenants).order_by("pk").values_list("pk"))
    for directory in directories:
        directory.has_effects = True


def hold(directory: Directory) -> None:
    """Let changes of one directory, and of the memberships that its rules may touch, come one after the other.

    First thing in a transaction: the end of the audit's chain is locked by the first entry written, and whoever waits
    for a row after that may be waited for.
    """
    of_tenant = directory.tenant_id is not None
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_OF_TENANT if of_tenant else _HOLD, {"id": directory.pk, "tenant": directory.tenant_id})
        cursor.nextset()
        directory.has_rules, has_members = cursor.fetchone()
        if of_tenant:
            cursor.nextset()
            directory.tenant, directory.is_held = taken(Tenant, iter(cursor.fetchone())), True
    directory.has_effects = directory.has_rules or has_members or of_tenant
    if directory.has_effects and not of_tenant:
        reached = Q(pk__in=directory.rules.values("tenant"))
        reached |= Q(pk__in=Membership.objects.filter(directory=directory).values("tenant"))
        list(Tenant.objects.select_for_update(no_key=True).filter(reached).order_by("pk").values_list("pk"))


# Statements in one message: each sees the rules that were made while the first waited.
_HOLD = f"""
    SELECT 1 FROM {Directory._meta.db_table} WHERE id = %(id)s FOR NO KEY UPDATE;
    SELECT EXISTS (SELECT 1 FROM {DirectoryRule._meta.db_table} WHERE directory_id = %(id)s),
           EXISTS (SELECT 1 FROM {Membership._meta.db_table} WHERE directory_id = %(id)s)
"""  # names of our own tables
# The rules of a tenant's directory, and so the memberships by them, are in this tenant alone.
_HOLD_OF_TENANT = f"""{_HOLD};
    SELECT {selection(Tenant, "tenant")} FROM {Tenant._meta.db_table} tenant WHERE id = %(tenant)s FOR NO KEY UPDATE
"""


def reconcile(
    directory: Directory, people: Sequence[DirectoryPerson], *, by: Any, tenant: Tenant | None = None
) -> list[Move]:
    """Carry out what the rules ask for `people`, in every tenant or in `tenant` alone; what was done.

    The caller's transaction holds the directory (`hold`) and writes its own entry in the audit afterwards.
    """
    if not people or not directory.has_effects:
        return []
    rules = rules_of(directory)
    rows = DirectoryPerson.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    locked = list(rows.filter(pk__in=[person.pk for person in people]).order_by("pk"))
    moves, done = plan(directory, locked, rules), []
    if tenant is not None:
        moves = [move for move in moves if move.tenant.pk == tenant.pk]
    if asked := [move.invitation.pk for move in moves if move.invitation is not None]:
        list(Invitation.objects.select_for_update(no_key=True).filter(pk__in=asked).order_by("pk"))
    for move in moves:
        try:
            _carry_out(directory, move, by)
        except Refusal as refusal:  # the last owner stays, an archived tenant as it is until restored
            record(
                "directory.left_undone", by=by, subject=move.person, tenant=move.tenant.slug,
                role=move.after, before=move.before, reason=refusal.code,
            )  # fmt: skip
        else:
            done.append(move)
    return done


def reconcile_new(directory: Directory, people: Sequence[DirectoryPerson], *, by: Any) -> None:
    """The same for people who are told for the first time: they hold nothing that could end, so only rules matter."""
    if directory.has_rules:
        reconcile(directory, people, by=by)


def _carry_out(directory: Directory, move: Move, by: Any) -> None:
    if move.person.user is None:
        if move.invitation is not None:
            invitations.withdraw(invitation=move.invitation, by=by)
        if move.after and move.rule is not None:
            behind = move.rule.created_by
            invitations.invite(
                tenant=move.tenant, email=move.person.email, role=move.after, by=by, directory=directory, behind=behind
            )
    elif move.after:
        add_member(tenant=move.tenant, user=move.person.user, role=move.after, by=by, directory=directory)
    elif move.membership is not None:
        remove_member(membership=move.membership, by=by, because=NO_GROUP)


def _wanted(
    directory: Directory, people: Sequence[DirectoryPerson], rules: Collection[DirectoryRule]
) -> dict[tuple[UUID, UUID], DirectoryRule]:
    """The rule that counts for each person and tenant."""
    by_name: dict[str, list[DirectoryRule]] = {}
    for rule in with_roles(rules):
        by_name.setdefault(folded(rule.group_name), []).append(rule)
    found: dict[tuple[UUID, UUID], DirectoryRule] = {}
    inside = {p.pk for p in people if p.removed_at is None and (p.is_active or directory.tenant_id is None)}
    pairs: list[tuple[UUID, str]] = []
    if len(by_name) > ("" in by_name) and inside:
        rows = DirectoryGroupMember.objects.filter(person__in=inside, group__name_key__in=by_name)
        pairs += rows.values_list("person_id", "group__name_key")
    pairs += [(p.pk, name) for p in people if p.pk in inside for name in p.claimed_groups if name in by_name]
    if "" in by_name:
        pairs += [(person.pk, "") for person in people if person.pk in inside and not person.is_adopted]
    for key, name in pairs:
        for rule in by_name[name]:
            known = found.get((key, rule.tenant_id))
            if known is None or _rank(rule.of_role) > _rank(known.of_role):
                found[key, rule.tenant_id] = rule
    return found


def _move(
    directory: Directory,
    person: DirectoryPerson,
    tenant: Tenant,
    rule: DirectoryRule | None,
    membership: Membership | None,
    invitation: Invitation | None,
) -> Move | None:
    after = rule.role if rule else ""
    if person.user_id is None:
        before = invitation.role if invitation else ""
        if (before == after and not _has_expired(invitation)) or not person.email:
            return None
        return Move(person, tenant, before, after, rule, invitation=invitation)
    before = membership.role if membership else ""
    is_out = directory.tenant_id == tenant.pk and (person.removed_at is not None or not person.is_active)
    if membership is not None and membership.directory_id != directory.pk and not is_out:
        return None  # given by hand, or by another directory
    return None if before == after else Move(person, tenant, before, after, rule, membership)


def _has_expired(invitation: Invitation | None) -> bool:
    return invitation is not None and invitation.state == "expired"
