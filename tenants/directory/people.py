"""What a directory says of people: make, change, remove.

In the platform's directory a person is an account: `active` switches it on and off as the platform team does, and
removing switches it off and hides it, because what it did stays in the ledger. In a tenant's directory a person is who
should be asked in: no account is made, changed or switched off, and none is found out (docs/decisions/0016).
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.composed import insertion, mark_as_kept, parameters
from audit.record import Actor, record
from refusals.errors import Conflict, Invalid
from tenants.directory import accounts
from tenants.directory.attributes import folded
from tenants.directory.reconciling import reconcile, reconcile_new
from tenants.directory.standing import LONGEST_NAME, refuse_closed
from tenants.models import Directory, DirectoryGroupMember, DirectoryPerson


class UserNameTaken(Conflict):
    code = "user_name_taken"
    title = "This user name is taken"


class UserNameNotUnderstood(Invalid):
    code = "user_name_not_understood"


@transaction.atomic(savepoint=False)
def create_person(*, directory: Directory, told: dict[str, Any], external_id: str, by: Actor) -> DirectoryPerson:
    """A new person of `directory`; `told` is what it says, with `userName` and, for who is switched off, `active`.

    Who was removed and is told again with the same identity comes back. Raises `UserNameTaken`,
    `UserNameNotUnderstood`, `AddressNotUnderstood`, `AddressTaken`, `TenantArchived`.
    """
    refuse_closed(directory)
    user_name, address = clean_name(told.get("userName")), accounts.address_of(told)
    is_active = told.get("active") is not False
    is_account = directory.tenant_id is None
    there = accounts.in_the_way(directory, user_name=user_name, address=address) if is_account else None
    is_known = there.name if there else accounts.has_like(directory, user_name=user_name, address=address)
    gone = _refuse_taken(directory, user_name, external_id, address) if is_known else None
    if there is None:
        if is_known:
            accounts.refuse_address_of_another(directory, address, None)
    elif there.address:
        raise accounts.address_taken()
    if gone is not None:
        gone.removed_at = None
        return _changed(gone, told=told, external_id=external_id, by=by, returns=True)
    now = timezone.now()
    person = DirectoryPerson(
        directory=directory, user_name=user_name, name_key=folded(user_name), external_id=external_id, email=address,
        is_active=is_active, attributes=told, folded=folded(told), created_at=now, changed_at=now,
    )  # fmt: skip
    if there is not None:
        person.user = accounts.build(username=there.username, address=address, told=told, is_active=is_active)
    _keep_new(person)
    reconcile_new(directory, [person], by=by)
    if person.user is not None:
        record("person.created", by=by, subject=person.user, user=person.user.username, user_name=user_name)
    else:
        record("directory.person_created", by=by, subject=person, tenant=directory.slug)
    return person


@transaction.atomic(savepoint=False)
def change_person(*, person: DirectoryPerson, told: dict[str, Any], external_id: str, by: Actor) -> DirectoryPerson:
    """Keep what the directory says of `person` now, all of it. Where it does not say `active`, that stays as it is.

    Raises `UserNameTaken`, `UserNameNotUnderstood`, `AddressNotUnderstood`, `AddressTaken`, `LastOfPlatform`, and
    `TenantArchived` unless it switches `person` off.
    """
    if told.get("active") is not False:
        refuse_closed(person.directory)
    if folded(clean_name(told.get("userName"))) != person.name_key:
        _refuse_taken(person.directory, clean_name(told.get("userName")))
    return _changed(person, told=told, external_id=external_id, by=by)


@transaction.atomic(savepoint=False)
def remove_person(*, person: DirectoryPerson, by: Actor) -> None:
    """Hide `person` from the directory and end what its groups gave; an account is switched off, never erased.

    Raises `LastOfPlatform`.
    """
    if person.user is not None and person.directory.tenant_id is None:
        accounts.switch(person.user, on=False, by=by)
    DirectoryGroupMember.objects.filter(person=person).delete()
    DirectoryPerson.objects.filter(pk=person.pk).update(removed_at=timezone.now(), is_active=False)
    reconcile(person.directory, [person], by=by)
    record("directory.person_removed", by=by, subject=person, tenant=person.directory.slug)


def is_on(person: DirectoryPerson) -> bool:
    """SCIM's `active`: whether the account is on, in the platform's directory; in a tenant's, what it said itself."""
    if person.directory.tenant_id is None and person.user is not None:
        return person.user.is_active
    return person.is_active


def clean_name(name: Any) -> str:
    """A user name as a directory has it. Raises `UserNameNotUnderstood`."""
    kept = str(name or "").strip()
    if not kept or len(kept) > LONGEST_NAME or not kept.isprintable():
        raise UserNameNotUnderstood(
            f"A userName has 1 to {LONGEST_NAME} characters that can be printed.", field="userName"
        )
    return kept


def _keep_new(person: DirectoryPerson) -> None:
    """Keep `person`, and before them their account where they have one, in one message. No signal is sent: who is new
    is in this directory already."""
    rows = [person] if person.user is None else [person.user, person]
    with connection.cursor() as cursor:
        cursor.execute(
            "; ".join(insertion(type(row)) for row in rows), [each for row in rows for each in parameters(row)]
        )
    for row in rows:
        mark_as_kept(row)


def _changed(
    person: DirectoryPerson, *, told: dict[str, Any], external_id: str, by: Actor, returns: bool = False
) -> DirectoryPerson:
    directory, address = person.directory, accounts.address_of(told, known=person.email)
    accounts.refuse_address_of_another(directory, address, person)
    fields = sorted(name for name in {*told, *person.attributes} if told.get(name) != person.attributes.get(name))
    is_active = told.get("active", is_on(person)) is not False
    if is_on(person) != is_active:
        fields = sorted({*fields, "active"})
    if person.user is not None and directory.tenant_id is None:
        accounts.change(person.user, told=told, address=address, known=person.email)
        accounts.switch(person.user, on=is_active, by=by)
    person.user_name, person.email, person.external_id = clean_name(told.get("userName")), address, external_id
    person.name_key = folded(person.user_name)
    person.attributes, person.folded, person.is_active = told, folded(told), is_active
    person.is_adopted, person.changed_at, person.version = False, timezone.now(), person.version + 1
    person.save()
    reconcile(directory, [person], by=by)
    verb = "directory.person_returned" if returns else "directory.person_changed"
    record(verb, by=by, subject=person, tenant=directory.slug, fields=fields)
    return person


def _refuse_taken(
    directory: Directory, user_name: str, external_id: str = "", address: str = ""
) -> DirectoryPerson | None:
    """Raise `UserNameTaken` where somebody here has this name; else who had it, was removed, and is surely meant again:
    the same external identifier or the same address."""
    rows = DirectoryPerson.objects.select_related("user")
    known = list(rows.filter(directory=directory, name_key=folded(user_name)))
    if any(each.removed_at is None for each in known):
        raise UserNameTaken("This directory has a person with this userName already.", field="userName")
    for each in known:
        if (external_id and each.external_id == external_id) or (address and each.email == address):
            each.directory = directory
            return each
    return None
