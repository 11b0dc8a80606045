"""What a directory says of groups: make, change, remove. What belonging to one brings is said by rules."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import Actor, record
from refusals.errors import Conflict, Invalid
from tenants.directory.attributes import folded
from tenants.directory.reconciling import reconcile
from tenants.directory.standing import LONGEST_NAME, refuse_closed, seen_by
from tenants.models import Directory, DirectoryGroup, DirectoryGroupMember, DirectoryPerson

NAMED = 50  # how many people an audit entry names


class GroupNameTaken(Conflict):
    code = "group_name_taken"
    title = "This group name is taken"


class GroupNameNotUnderstood(Invalid):
    code = "group_name_not_understood"


class MemberUnknown(Invalid):
    code = "member_unknown"


@transaction.atomic(savepoint=False)
def create_group(
    *, directory: Directory, display_name: str, external_id: str, members: Collection[UUID], by: Actor
) -> DirectoryGroup:
    """A new group with its members. Raises `GroupNameTaken`, `GroupNameNotUnderstood`, `MemberUnknown`,
    `TenantArchived`."""
    refuse_closed(directory)
    name = _free(directory, display_name, None)
    now = timezone.now()
    group = DirectoryGroup.objects.create(
        directory=directory,
        display_name=name,
        name_key=folded(name),
        external_id=external_id,
        created_at=now,
        changed_at=now,
    )
    people = _add(group, set(members))
    reconcile(directory, people, by=by)
    record("directory.group_created", by=by, subject=group, tenant=directory.slug, members=len(people))
    return group


@transaction.atomic(savepoint=False)
def change_group(
    *, group: DirectoryGroup, display_name: str, external_id: str, members: Collection[UUID] | None, by: Actor
) -> DirectoryGroup:
    """Give `group` this name and exactly these members (None: those it has), and reconcile who came and who went.

    Raises `GroupNameTaken`, `GroupNameNotUnderstood`, `MemberUnknown`, and `TenantArchived` unless people only leave.
    """
    directory, was = group.directory, group.display_name
    name = _free(directory, display_name, group)
    present = set(group.members.values_list("person_id", flat=True))
    wanted = present if members is None else set(members)
    if wanted - present or name != was:
        refuse_closed(directory)
    gone = list(DirectoryPerson.objects.filter(pk__in=present - wanted).select_related("user"))
    group.members.filter(person__in=gone).delete()
    come = _add(group, wanted - present)
    group.display_name, group.name_key, group.external_id = name, folded(name), external_id
    group.changed_at, group.version = timezone.now(), group.version + 1
    group.save()
    touched = [*gone, *come]
    if folded(was) != group.name_key:
        touched += DirectoryPerson.objects.filter(pk__in=present & wanted)
    reconcile(directory, touched, by=by)
    record(
        "directory.group_changed", by=by, subject=group, tenant=directory.slug, before=was, added=len(come),
        removed=len(gone), who_came=[p.user_name for p in come[:NAMED]], who_went=[p.user_name for p in gone[:NAMED]],
    )  # fmt: skip
    return group


@transaction.atomic(savepoint=False)
def remove_group(*, group: DirectoryGroup, by: Actor) -> None:
    """Remove `group`, and what belonging to it gave."""
    people = list(DirectoryPerson.objects.filter(in_groups__group=group))
    key = group.pk
    group.delete()
    reconcile(group.directory, people, by=by)
    group.pk = key  # for its name in the audit
    record("directory.group_removed", by=by, subject=group, tenant=group.directory.slug, members=len(people))


def _add(group: DirectoryGroup, members: set[UUID]) -> list[DirectoryPerson]:
    if not members:
        return []
    people = list(seen_by(group.directory).filter(pk__in=members))
    if len(people) != len(members):
        missing = next(str(key) for key in members - {person.pk for person in people})
        raise MemberUnknown(f"There is no User “{missing}” in this directory.", field="members")
    DirectoryGroupMember.objects.bulk_create(
        (DirectoryGroupMember(group=group, person=person) for person in people), ignore_conflicts=True
    )
    return people


def _free(directory: Directory, wanted: str, group: DirectoryGroup | None) -> str:
    name = wanted.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise GroupNameNotUnderstood(
            f"A displayName has 1 to {LONGEST_NAME} characters that can be printed.", field="displayName"
        )
    others = DirectoryGroup.objects.filter(directory=directory, name_key=folded(name))
    if (others.exclude(pk=group.pk) if group else others).exists():
        raise GroupNameTaken("This directory has a group with this displayName already.", field="displayName")
    return name
