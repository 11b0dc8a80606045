"""The accounts behind the people of the platform's directory: made, named, switched on and off."""

from __future__ import annotations

import re
import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.db.models.functions import Lower

from audit.record import Actor
from refusals.errors import Conflict
from tenants.activation import activate, deactivate
from tenants.directory.attributes import names
from tenants.directory.standing import seen_by
from tenants.models import Directory, DirectoryPerson, User

LONGEST = 120
REASON = "switched off by the directory"


class AddressTaken(Conflict):
    """An address leads to one account: the directory finds that one and changes it, it does not make a second."""

    code = "address_taken"
    title = "This address is taken"


def make(*, user_name: str, address: str, told: dict[str, Any], is_active: bool) -> User:
    """A new account without a password: its person signs in with the organisation's own service."""
    user = User(
        username=_free_name(user_name), email=address, is_active=is_active, password=make_password(None), **names(told)
    )
    User.objects.bulk_create([user])  # sends no signal: this person is in the directory already
    return user


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
        others = User.objects.filter(~Q(pk=own), is_active=True)
        confirmed = EmailAddress.objects.filter(email=address, verified=True, user__in=others)
        named = others.alias(lower=Lower("email")).filter(lower=address)
        taken = named.order_by().values("pk").union(confirmed.values("user"), all=True).exists()
    else:
        rows = seen_by(directory).filter(email=address)
        taken = (rows.exclude(pk=person.pk) if person is not None else rows).exists()
    if taken:
        raise AddressTaken(
            "Somebody in this directory has this e-mail address already. Find them by their address and change them.",
            field="emails",
        )


def _free_name(wanted: str) -> str:
    """A user name that nobody has, as near to `wanted` as the rules for names allow (no address, plain characters)."""
    local = wanted.partition("@")[0] or wanted
    plain = re.sub(r"[^\w.+-]+", "-", local).strip("-.")[:LONGEST] or "person"
    name = plain
    while User.objects.filter(username__iexact=name).exists():
        name = f"{plain}-{secrets.token_hex(3)}"
    return name
