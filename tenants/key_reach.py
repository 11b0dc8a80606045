"""What a key may call and what of it it called in the last 90 days; which of it could be taken away.

What was granted and what was called is told by rooms above, which register how keys are read together with it
(`register_reach`). A key that called nothing is not narrowed but revoked: named no route, it could call them all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from tenants.models import ApiKey

DAYS = 90
SEEN_FOR = dt.timedelta(days=30)  # what a younger key has not called yet says little

type WithReach = Callable[[QuerySet[ApiKey], dt.date], QuerySet[ApiKey]]
_with_reach: list[WithReach] = []
_demands: list[Callable[[ApiKey], list[tuple[str, list[str]]]]] = []


@dataclass(frozen=True)
class Reach:
    """`may` are the routes that a key can call now, `called` those of them that it called, `never` the others."""

    may: list[str]
    called: list[str]
    never: list[str]
    is_young: bool

    @property
    def proposal(self) -> list[str]:
        """The routes to narrow the key to; none where there is nothing to take away, or too early to say."""
        return self.called if self.called and self.never and not self.is_young else []


NOTHING = Reach([], [], [], is_young=False)  # of what opens nothing any more


def register_demands(read: Callable[[ApiKey], list[tuple[str, list[str]]]]) -> None:
    """`read(key)` tells what the grants of the key's environment demand of calls: routes, each with its sentences."""
    _demands[:] = [read]


def demands_on(key: ApiKey) -> list[tuple[str, list[str]]]:
    """What is demanded of the calls of a usable key, of the routes that it may call."""
    told = _demands[0](key) if _demands and key.is_usable else []
    return [each for each in told if not key.allowed_routes or each[0] in key.allowed_routes]


def register_reach(read: WithReach) -> None:
    """`read(keys, since)` reads keys together with `granted_routes` of their environment and the `called_routes` since
    that day, arrays of names both."""
    _with_reach[:] = [read]


def with_reach(rows: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """`rows`, for `reach_of`."""
    return _with_reach[0](rows, since()) if _with_reach else rows


def since() -> dt.date:
    """The first day that is looked at."""
    return timezone.now().date() - dt.timedelta(days=DAYS)


def reach_of(key: ApiKey) -> Reach | None:
    """The reach of a usable key that was read `with_reach`; None for others."""
    read: Any = key
    if not key.is_usable or not hasattr(read, "granted_routes"):
        return None
    granted = set(read.granted_routes)
    may = sorted(granted & set(key.allowed_routes)) if key.allowed_routes else sorted(granted)
    called = set(read.called_routes)
    return Reach(
        may=may,
        called=[route for route in may if route in called],
        never=[route for route in may if route not in called],
        is_young=key.created_at > timezone.now() - SEEN_FOR,
    )


def wider_than_used(rows: Any) -> Any:
    """Those of `rows` that could be narrowed: usable, not young, and calling less than they may."""
    found = with_reach(rows.usable().filter(created_at__lte=timezone.now() - SEEN_FOR))
    if not _with_reach:
        return found.none()
    is_narrowed = ~Q(allowed_routes=[])
    wide = Q(allowed_routes=[]) & ~Q(granted_routes__contained_by=F("called_routes"))
    wide |= is_narrowed & ~Q(allowed_routes__contained_by=F("called_routes"))
    used = Q(granted_routes__overlap=F("called_routes"))
    used &= Q(allowed_routes=[]) | Q(allowed_routes__overlap=F("called_routes"))
    return found.filter(wide, used)
