"""Which tenants a person's statements may touch at all: the outer border, within which `tenants.scoping` decides.

Rooms above add their reasons with `adds_reach`: a request that a board has before it opens the request's tenant to the
people on the board, who have to weigh it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from tenants.models import Membership, User
from tenants.scope import everything
from tenants.security.closing import Asked, Closed, Person, asked_later, asking, closed_to
from tenants.whence import Whence

type Reason = Callable[[Any], QuerySet[Any, Any]]

# Recovery codes alone are none: they stand in for one that was lost.
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_TOLD = JSONObject(
    tenant="tenant", slug="tenant__slug", name="tenant__name", networks="tenant__allowed_networks",
    second_factor_from="tenant__second_factor_from",
)  # fmt: skip

_reasons: list[Reason] = []


def adds_reach(reason: Reason) -> Reason:
    """Register `reason`, which gets a person's key (or an expression for it) and returns a query of tenants' keys."""
    if reason not in _reasons:
        _reasons.append(reason)
        people.cache_clear()
    return reason


@cache
def people() -> QuerySet[User]:
    """Everybody, each read together with the tenants in reach and what these ask, which then cost no query of their
    own. Put together once: every request narrows it to who asks."""
    asked = asking(Membership.objects.filter(user=OuterRef("pk"))).order_by().values(told=_TOLD)
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=SECOND_FACTORS)
    return User.objects.annotate(
        _asked=ArraySubquery(asked),
        _has_second_factor=Exists(factors),
        **{f"_reach_{number}": ArraySubquery(reason(OuterRef("pk"))) for number, reason in enumerate(_reasons)},
    )


@adds_reach
def _is_member(person: Any) -> QuerySet[Any, Any]:
    return Membership.objects.filter(user=person).values("tenant")


def reach_of(person: Any) -> frozenset[UUID]:
    """The tenants in reach of `person`, who holds no role that sees all of them."""
    person = _read(person)
    names = [f"_reach_{number}" for number in range(len(_reasons))]
    return frozenset(tenant for name in names for tenant in getattr(person, name, ()))


def door_of(person: Any, whence: Whence) -> tuple[tuple[Closed, ...], tuple[Asked, ...]]:
    """The tenants of `person`, who comes by `whence`, that are closed to them now, and those that will be."""
    person = _read(person)
    asked = [_asked(told) for told in getattr(person, "_asked", ())]
    if not asked:
        return (), ()
    before = Person(whence, person._has_second_factor, person.is_service)
    return closed_to(asked, before), asked_later(asked, before)


def has_second_factor(person: User) -> bool:
    """Whether `person` has set one up here."""
    found: bool = Authenticator.objects.filter(user=person, type__in=SECOND_FACTORS).exists()
    return found


def _read(person: Any) -> Any:
    if all(hasattr(person, f"_reach_{number}") for number in range(len(_reasons))) and hasattr(person, "_asked"):
        return person
    with everything("who is asking is looked up"):
        return people().filter(pk=person.pk).first()


def _asked(told: Any) -> Asked:
    if isinstance(told, str):
        told = json.loads(told)
    since = told["second_factor_from"]
    return Asked(
        UUID(told["tenant"]), told["slug"], told["name"], tuple(told["networks"]),
        dt.datetime.fromisoformat(since) if since else None,
    )  # fmt: skip
