"""Which tenants a person's statements may touch at all: the outer border, within which `tenants.scoping` decides.

Rooms above add their reasons with `adds_reach`: a request that a board has before it opens the request's tenant to the
people on the board, who have to weigh it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from tenants.models import Membership, User
from tenants.scope import everything

type Reason = Callable[[Any], QuerySet[Any, Any]]

_reasons: list[Reason] = []


def adds_reach(reason: Reason) -> Reason:
    """Register `reason`, which gets a person's key (or an expression for it) and returns a query of tenants' keys."""
    if reason not in _reasons:
        _reasons.append(reason)
    return reason


@adds_reach
def _is_member(person: Any) -> QuerySet[Any, Any]:
    return Membership.objects.filter(user=person).values("tenant")


def with_reach(people: QuerySet[User]) -> QuerySet[User]:
    """`people`, each read together with the tenants in reach, which then cost no query of their own."""
    return people.annotate(
        **{f"_reach_{number}": ArraySubquery(reason(OuterRef("pk"))) for number, reason in enumerate(_reasons)}
    )


def reach_of(person: Any) -> frozenset[UUID]:
    """The tenants in reach of `person`, who holds no role that sees all of them."""
    names = [f"_reach_{number}" for number in range(len(_reasons))]
    if not all(hasattr(person, name) for name in names):
        with everything("who is asking is looked up"):
            person = with_reach(User.objects.filter(pk=person.pk)).first()
    return frozenset(tenant for name in names for tenant in getattr(person, name, ()))
