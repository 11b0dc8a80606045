"""Rules that make groups of a directory into memberships: made and ended by people, each with a preview.

A rule for a tenant's own directory is made by who answers for the tenant; one for the platform's directory or the
sign-in service by who manages members above tenants, since it lets in people whom the tenant does not know. Nobody
makes a rule for a role that they may not give (`tenants.delegation`); the caller asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.custom_roles import known_role
from tenants.directory.attributes import folded
from tenants.directory.reconciling import Move, hold, plan, reconcile, rules_of
from tenants.directory.standing import LONGEST_NAME, begin
from tenants.models import Directory, DirectoryGroupMember, DirectoryPerson, DirectoryRule, Membership, Tenant

MOST = 200  # rules of one directory for one tenant


class RuleThere(Conflict):
    code = "rule_there"
    title = "There is such a rule"


class RuleNotUnderstood(Invalid):
    code = "rule_not_understood"


@dataclass(frozen=True)
class Preview:
    """What a change of rules would do now: who becomes a member, who changes the role, who is no longer one."""

    gain: list[Move]
    change: list[Move]
    lose: list[Move]

    @classmethod
    def of(cls, moves: list[Move]) -> Preview:
        moves = sorted(moves, key=lambda move: move.person.user_name)
        return cls(
            [move for move in moves if not move.before and move.after],
            [move for move in moves if move.before and move.after],
            [move for move in moves if move.before and not move.after],
        )

    @property
    def is_empty(self) -> bool:
        return not (self.gain or self.change or self.lose)


def preview_of_rule(*, directory: Directory, tenant: Tenant, group_name: str, role: str) -> Preview:
    """What making this rule would do. Raises `UnknownRole`, `RuleNotUnderstood`."""
    rule = _checked(directory, tenant, group_name, role)
    return Preview.of(_of_tenant(tenant, plan(directory, touched(directory, rule), [*rules_of(directory), rule])))


def preview_of_end(rule: DirectoryRule) -> Preview:
    """What ending this rule would do."""
    left = [each for each in rules_of(rule.directory) if each.pk != rule.pk]
    return Preview.of(_of_tenant(rule.tenant, plan(rule.directory, touched(rule.directory, rule), left)))


@transaction.atomic
def make_rule(*, tenant: Tenant, of_platform: bool, group_name: str, role: str, by: Any) -> DirectoryRule:
    """Who is in the group (of the platform's directory, or of the tenant's own) is a member with this role from now on.

    Raises `UnknownRole`, `RuleNotUnderstood`, `RuleThere`, `TenantArchived`.
    """
    directory = begin(None if of_platform else tenant)
    hold(directory)
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    refuse_archived(locked)
    rule = _checked(directory, locked, group_name, role)
    there = [folded(each.group_name) for each in rules_of(directory) if each.tenant_id == locked.pk]
    if folded(rule.group_name) in there:
        raise RuleThere(
            "There is a rule for this group already. End it first to give another role.", field="group_name"
        )
    if len(there) >= MOST:
        raise RuleThere(f"There are {MOST} rules, which is the most. End one first.", field="group_name")
    rule.created_by = by
    rule.save(force_insert=True)
    directory.has_effects = True
    reconcile(directory, touched(directory, rule), by=by)
    record("directory.rule_made", by=by, subject=rule, tenant=locked.slug, group=rule.group_name, role=role)
    return rule


@transaction.atomic
def end_rule(*, rule: DirectoryRule, by: Any) -> None:
    """End a rule, and the memberships that no other rule gives; a second time changes nothing."""
    found = DirectoryRule.objects.select_related("directory__tenant", "tenant").filter(pk=rule.pk).first()
    if found is None:
        return
    hold(found.directory)
    concerned, key = touched(found.directory, found), found.pk
    if not found.delete()[0]:
        return
    reconcile(found.directory, concerned, by=by)
    found.pk = key  # for its name in the audit
    record(
        "directory.rule_ended", by=by, subject=found, tenant=found.tenant.slug, group=found.group_name, role=found.role
    )


def _checked(directory: Directory, tenant: Tenant, group_name: str, role: str) -> DirectoryRule:
    name = group_name.strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise RuleNotUnderstood(
            f"A group's name has at most {LONGEST_NAME} characters that can be printed.", field="group_name"
        )
    known_role(tenant, role)
    return DirectoryRule(directory=directory, tenant=tenant, group_name=name, role=role)


def touched(directory: Directory, rule: DirectoryRule) -> list[DirectoryPerson]:
    """Whom the rule concerns, and who is a member of the tenant by the rules of the directory."""
    given = Membership.objects.filter(directory=directory, tenant=rule.tenant_id).values("user")
    concerned = Q(user__in=given)
    if rule.group_name:
        key = folded(rule.group_name)
        inside = DirectoryGroupMember.objects.filter(group__directory=directory, group__name_key=key)
        concerned |= Q(claimed_groups__contains=[key]) | Q(pk__in=inside.values("person"))
    else:
        concerned |= Q(is_adopted=False)
    people = DirectoryPerson.objects.filter(concerned, directory=directory, removed_at=None)
    return list(people.select_related("user").order_by("pk"))


def _of_tenant(tenant: Tenant, moves: list[Move]) -> list[Move]:
    return [move for move in moves if move.tenant.pk == tenant.pk]
