"""The accounts behind the people of the platform's directory: made, named, switched on and off."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from audit.record import Actor
from refusals.errors import Conflict
from tenants.activation import activate, deactivate
from tenants.directory.attributes import first_address, folded, names
from tenants.directory.standing import LONGEST_NAME, seen_by
from tenants.invite import AddressNotUnderstood
from tenants.models import Directory, DirectoryPerson, User

LONGEST = 120
REASON = "switched off by the directory"
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")  # mails decide the rest


class AddressTaken(Conflict):
    """An address leads to one account: the directory finds that one and changes it, it does not make a second."""

    code = "address_taken"
    title = "This address is taken"


def address_of(told: dict[str, Any], *, known: str = "") -> str:
    """The address that `told` leads to, in lower case, "" without any. Raises `AddressNotUnderstood` for a new one that
    no mail could reach; one that is `known` stays as it is."""
    address = first_address(told)
    if address in ("", known):
        return address
    if len(address) > LONGEST_NAME or not address.isprintable() or not _ADDRESS.fullmatch(address):
        raise AddressNotUnderstood(
            f"“{address[:80]}” is no e-mail address. Send one as name@example.com, or none.", field="emails"
        )
    return address


def build(*, username: str, address: str, told: dict[str, Any], is_active: bool) -> User:
    """A new account, not kept yet, without a password: its person signs in with the organisation's own service."""
    password = f"{UNUSABLE_PASSWORD_PREFIX}{secrets.token_urlsafe(30)}"  # as Django makes one, drawn at once
    return User(username=username, email=address, is_active=is_active, password=password, **names(told))


def change(user: User, *, told: dict[str, Any], address: str, known: str) -> None:
    """Give the account the names and the address that the directory has; its user name stays, as people know it."""
    wanted: dict[str, Any] = names(told)
    if address and address != known:
        wanted["email"] = address
        EmailAddress.objects.filter(user=user, email__iexact=user.email).delete()
    changed = [field for field, value in wanted.items() if getattr(user, field) != value]
    if changed:
        for field in changed:
            setattr(user, field, wanted[field])
        user.save(update_fields=changed)


def switch(user: User, *, on: bool, by: Actor) -> None:
    """Switch the account on or off. Raises `LastOfPlatform`."""
    if user.is_active == on:
        return
    switched = activate(user=user, by=by) if on else deactivate(user=user, by=by, reason=REASON)
    user.is_active = switched.is_active


def refuse_address_of_another(directory: Directory, address: str, person: DirectoryPerson | None) -> None:
    """Raise `AddressTaken` when somebody else whom the directory sees has `address`.

    The platform's directory sees every account; a tenant's is told of its own people alone.
    """
    if not address:
        return
    own = person.user_id if person is not None else None
    if directory.tenant_id is None:
        named = _named([address]).filter(~Q(pk=own)).order_by().values("pk")
        is_taken = named.union(_holders([address]).filter(~Q(user=own)).values("user"), all=True).exists()
    else:
        rows = seen_by(directory).filter(email=address)
        is_taken = (rows.exclude(pk=person.pk) if person is not None else rows).exists()
    if is_taken:
        raise address_taken()


def address_taken() -> AddressTaken:
    return AddressTaken(
        "Somebody in this directory has this e-mail address already. Find them by their address and change them.",
        field="emails",
    )


@dataclass(frozen=True, slots=True)
class InTheWay:
    """What there is already of what the platform's directory tells of: a person with the name, somebody with the
    address. `username` is a user name for the account that nobody has."""

    name: bool
    address: bool
    username: str


# As a text: putting it together anew for each of ten thousand people takes longer than answering it.
_IN_THE_WAY = f"""
    SELECT EXISTS (SELECT 1 FROM {DirectoryPerson._meta.db_table}
                    WHERE directory_id = %(directory)s AND name_key = %(name_key)s),
           EXISTS (SELECT 1 FROM {User._meta.db_table} WHERE is_active AND lower(email) = %(address)s)
           OR EXISTS (SELECT 1 FROM {EmailAddress._meta.db_table} e JOIN {User._meta.db_table} u ON u.id = e.user_id
                       WHERE e.email = %(address)s AND e.verified AND u.is_active),
           EXISTS (SELECT 1 FROM {User._meta.db_table} WHERE upper(username) = upper(%(plain)s))
"""  # names of our own tables


def in_the_way(directory: Directory, *, user_name: str, address: str) -> InTheWay:
    """What stands in the way of a new person of the platform's directory. One query, where the user name is free."""
    plain = plain_name(user_name)
    asked = {
        "directory": directory.pk, "name_key": folded(user_name), "address": address or None, "plain": plain
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_IN_THE_WAY, asked)
        is_known, has_address, is_named = cursor.fetchone()
    return InTheWay(is_known, bool(has_address), _free_name(plain) if is_named else plain)


_LIKE = f"""
    SELECT EXISTS (SELECT 1 FROM {DirectoryPerson._meta.db_table}
                    WHERE directory_id = %(directory)s AND (name_key = %(name_key)s OR email = %(address)s))
"""


def has_like(directory: Directory, *, user_name: str, address: str) -> bool:
    """Whether a tenant's directory has, or had, somebody with this name or address: only then is there more to ask."""
    asked = {"directory": directory.pk, "name_key": folded(user_name), "address": address or None}
    with connection.cursor() as cursor:
        cursor.execute(_LIKE, asked)
        found: bool = cursor.fetchone()[0]
    return found


def taken_addresses(directory: Directory, addresses: Collection[str]) -> set[str]:
    """Those of `addresses` (in lower case) that somebody has whom the directory sees."""
    wanted = list(addresses)
    if directory.tenant_id is not None:
        return set(seen_by(directory).filter(email__in=wanted).values_list("email", flat=True))
    named = {email.lower() for email in _named(wanted).values_list("email", flat=True)}
    return named | set(_holders(wanted).values_list("email", flat=True))


def _named(addresses: list[str]) -> QuerySet[User]:
    return User.objects.alias(lower=Lower("email")).filter(lower__in=addresses, is_active=True)


def _holders(addresses: list[str]) -> QuerySet[EmailAddress]:
    """allauth keeps addresses in lower case."""
    return EmailAddress.objects.filter(email__in=addresses, verified=True, user__is_active=True)


def plain_name(wanted: str) -> str:
    """A user name as near to `wanted` as the rules for names allow: no address, plain characters."""
    local = wanted.partition("@")[0] or wanted
    return re.sub(r"[^\w.+-]+", "-", local).strip("-.")[:LONGEST] or "person"


def _called(name: str) -> QuerySet[User]:
    return User.objects.filter(username__iexact=name)


def _free_name(plain: str) -> str:
    """A user name like `plain`, which somebody has, that nobody has."""
    name = plain
    while _called(name).exists():
        name = f"{plain}-{secrets.token_hex(3)}"
    return name
