"""What can be collected for a request: rooms register it with their subject kind, or for the kind of a room below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from approvals.models import Request
    from approvals.subjects import Evidence, SubjectKind

AT_THE_DECISION = dt.timedelta(0)


@dataclass(frozen=True)
class Collector:
    """One piece of evidence that the product knows by itself.

    `slug` names it among the kind's; `name` and `sentence` are for people. `collect(request)` tells
    the facts as they are now. They stay fresh for `fresh_for`; `AT_THE_DECISION`: they change with the review itself,
    so they are never kept before it ends.
    """

    slug: str
    name: str
    sentence: str
    fresh_for: dt.timedelta
    collect: Callable[[Request], Sequence[Evidence]]


_added: dict[str, list[Collector]] = {}


def add_collector(kind: str, collector: Collector) -> None:
    """Have `collector` asked for requests of a kind that a room below registers; the same slug replaces it."""
    others = [each for each in _added.get(kind, []) if each.slug != collector.slug]
    _added[kind] = [*others, collector]


def collectors_of(kind: SubjectKind) -> tuple[Collector, ...]:
    """What is collected for requests of `kind`, in the order in which reviewers read it."""
    return (*kind.collectors, *_added.get(kind.slug, ()))
