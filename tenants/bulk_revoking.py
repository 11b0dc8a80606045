"""Revoke many keys at once: what it would bring about first, then all of it or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from refusals.errors import Invalid, Missing
from tenants import keys
from tenants.models import ApiKey

MOST_AT_ONCE = 200
RECENT = dt.timedelta(days=7)


class NothingChosen(Invalid):
    code = "nothing_chosen"


class TooManyChosen(Invalid):
    code = "too_many"


@dataclass(frozen=True, slots=True)
class Effect:
    """What revoking `keys` would bring about: how many still work, of them how many were used within `RECENT`, by
    kind of environment, and how many are of production."""

    keys: list[ApiKey]
    working: int
    used_lately: int
    production: int
    revoked_before: int


def chosen(rows: QuerySet[ApiKey], ids: Sequence[UUID]) -> list[ApiKey]:
    """The keys with these identifiers among `rows`, which the viewer may see. Raises `Missing` if one of them is not
    there, `NothingChosen` and `TooManyChosen`."""
    wanted = set(ids)
    if not wanted:
        raise NothingChosen("Tick at least one key.", field="keys")
    if len(wanted) > MOST_AT_ONCE:
        raise TooManyChosen(f"Revoke at most {MOST_AT_ONCE} keys at once.", field="keys")
    found = list(rows.filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise Missing("One of these keys does not exist. Nothing was revoked.")
    return found


def effect_of(found: list[ApiKey]) -> Effect:
    """What revoking `found` (with their environments) would bring about."""
    since = timezone.now() - RECENT
    working = [key for key in found if key.is_usable]
    return Effect(
        keys=found,
        working=len(working),
        used_lately=sum(1 for key in working if key.last_used_at is not None and key.last_used_at >= since),
        production=sum(1 for key in working if key.environment.kind == "production"),
        revoked_before=sum(1 for key in found if key.revoked_at is not None),
    )


@transaction.atomic
def revoke_all(*, found: Sequence[ApiKey], by: Any, reason: str = "") -> int:
    """Revoke each of `found`, with an entry of its own; returns how many were not revoked before.

    They are locked in the order of their identifiers, so that two people at once do not wait for each other for ever.
    Who may is asked before, by `scoping.require` for each tenant.
    """
    ids = [key.pk for key in found]
    rows = ApiKey.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    locked = list(rows)
    if len(locked) != len(set(ids)):
        raise Missing("One of these keys does not exist any more. Nothing was revoked.")
    open_ones = [key for key in locked if key.revoked_at is None]
    for key in open_ones:
        keys.revoke(key=key, by=by, reason=reason)
    return len(open_ones)
