"""Which e-mail addresses are surely a person's own: what is sent to an address is for them alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Func, Q, TextField, Value
from django.db.models.functions import Lower

from tenants.models import User


def addresses_of(user: User) -> frozenset[str]:
    """The addresses of `user` in lower case.

    A confirmed one counts. So does the one on the account that nobody was ever asked to confirm: an operator wrote it
    there, or the installation does not ask (the demonstration).
    """
    return addresses_of_many([user])[user.pk]


def addresses_of_many(users: Sequence[User]) -> dict[UUID, frozenset[str]]:
    """The addresses of each of `users`, by their keys. One query, however many there are."""
    given: dict[UUID, dict[str, bool]] = {user.pk: {} for user in users}
    for key, email, verified in EmailAddress.objects.filter(user__in=given).values_list("user_id", "email", "verified"):
        given[key][email.lower()] = verified
    return {user.pk: _own(user, given[user.pk]) for user in users}


def _own(user: User, rows: dict[str, bool]) -> frozenset[str]:
    own = {email for email, verified in rows.items() if verified}
    on_account = user.email.lower()
    if on_account and (on_account not in rows or not _asks_for_confirmation()):
        own.add(on_account)
    return frozenset(own)


def unconfirmed_of(user: User) -> frozenset[str]:
    """The addresses that `user` gave and has not confirmed."""
    given = {row.email.lower() for row in EmailAddress.objects.filter(user=user, verified=False)}
    return frozenset(given - addresses_of(user))


def people_by_address(addresses: Iterable[str]) -> dict[str, User]:
    """Who has which of `addresses` (in lower case) on an active account: two queries, however many there are."""
    wanted = sorted(set(addresses))
    if not wanted:
        return {}
    on_accounts = User.objects.filter(_is_any("email", wanted), is_active=True)
    found = {user.email.lower(): user for user in on_accounts}
    confirmed = EmailAddress.objects.filter(_is_any("email", wanted), verified=True, user__is_active=True)
    return found | {row.email.lower(): row.user for row in confirmed.select_related("user")}


def held_among(addresses: Iterable[str], users: Sequence[User]) -> frozenset[str]:
    """Those of `addresses` (in lower case) that one of `users` has: one query, and none without addresses."""
    wanted = frozenset(addresses)
    if not wanted:
        return wanted
    given: dict[UUID, dict[str, bool]] = {user.pk: {} for user in users}
    rows = EmailAddress.objects.filter(_is_any("email", sorted(wanted)))
    for key, email, verified in rows.values_list("user_id", "email", "verified"):
        if key in given:
            given[key][email.lower()] = verified
    return wanted.intersection(chain.from_iterable(_own(user, given[user.pk]) for user in users))


def _is_any(field: str, addresses: list[str]) -> Q:
    """The condition that `field` is one of `addresses`, as one array: thousands of parameters would be slow."""
    array = Func(Value(addresses, output_field=ArrayField(TextField())), template="ANY(%(expressions)s)")
    return Q(Func(Lower(field), array, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField()))


def _asks_for_confirmation() -> bool:
    return bool(settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory")
