"""Many people at once: what is there is looked up for all of them, and they are kept together in a few statements.

The same rules as one by one (`tenants.directory.people`), and one entry in the audit that names everybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone

from audit.record import Actor, record
from tenants.directory import accounts
from tenants.directory.attributes import first_address, folded
from tenants.directory.people import UserNameTaken, clean_name, create_person
from tenants.directory.reconciling import reconcile_new
from tenants.directory.standing import refuse_closed
from tenants.models import Directory, DirectoryPerson, User


class Import:
    """People who come together, inside one transaction that holds the directory."""

    def __init__(self, directory: Directory, told: Iterable[dict[str, Any]], *, by: Actor) -> None:
        """`told` is what will be said of them: what is there already is looked up by it, in three queries."""
        self.directory, self.by, self.is_open = directory, by, False
        self.waiting: list[DirectoryPerson] = []
        self.new_names: set[str] = set()
        told = list(told)
        names = {str(each.get("userName") or "").strip() for each in told}
        addresses = {first_address(each) for each in told} - {""}
        rows = DirectoryPerson.objects.filter(directory=directory, name_key__in=[folded(name) for name in names])
        self.known_names = set(rows.values_list("name_key", flat=True))
        self.known_addresses = accounts.taken_addresses(directory, addresses)
        plain = [accounts.plain_name(name) for name in names if name]
        like = Q(upper__in=[name.upper() for name in plain])
        # The database has fewer capital letters than Python (“ß”).
        users = User.objects.alias(upper=Upper("username")).filter(like | Q(username__in=plain))
        self.usernames = {name.upper() for name in users.values_list("username", flat=True)}

    def add(self, *, told: dict[str, Any], external_id: str) -> DirectoryPerson:
        """One of them, kept with the others at the next `keep`. Raises as `create_person` does."""
        if not self.is_open:
            refuse_closed(self.directory)
            self.is_open = True
        user_name, address = clean_name(told.get("userName")), accounts.address_of(told)
        key = folded(user_name)
        if key in self.new_names:
            raise UserNameTaken("This directory has a person with this userName already.", field="userName")
        if key in self.known_names or address in self.known_addresses:
            self.keep()  # somebody may come back, or is in the way: it is told as when they come alone
            with transaction.atomic():  # who is refused takes nobody else along
                return create_person(directory=self.directory, told=told, external_id=external_id, by=self.by)
        now, is_active = timezone.now(), told.get("active") is not False
        person = DirectoryPerson(
            directory=self.directory, user_name=user_name, name_key=key, external_id=external_id, email=address,
            is_active=is_active, attributes=told, folded=folded(told), created_at=now, changed_at=now,
        )  # fmt: skip
        if self.directory.tenant_id is None:
            name = accounts.plain_name(user_name)
            name = name if name.upper() not in self.usernames else f"{name}-{secrets.token_hex(5)}"
            self.usernames.add(name.upper())
            person.user = accounts.build(username=name, address=address, told=told, is_active=is_active)
        self.waiting.append(person)
        self.new_names.add(key)
        self.known_addresses |= {address} if address else set()
        return person

    def keep(self) -> None:
        """Keep who was added since the last time, and carry out what rules make of it."""
        people, self.waiting = self.waiting, []
        if not people:
            return
        User.objects.bulk_create([person.user for person in people if person.user is not None])
        DirectoryPerson.objects.bulk_create(people)
        reconcile_new(self.directory, people, by=self.by)
        record(
            "directory.imported", by=self.by, subject=self.directory, tenant=self.directory.slug,
            count=len(people), people=[person.user_name for person in people],
        )  # fmt: skip
