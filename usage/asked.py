"""What a request asks of usage: whose sight, which period, which filters, broken down by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from refusals import Refusal
from tenants.models import User
from usage.dimensions import DIMENSIONS, Dimension
from usage.figures import MEASURES
from usage.filters import Filters, filters_of
from usage.period import Period, period_of
from usage.scope import Sight, sight_of

PAGING = ("before", "after", "page")


@dataclass(frozen=True)
class Asked:
    """A question about usage. `problems` says in words which parts were not understood and left out."""

    sight: Sight
    period: Period
    filters: Filters
    dimension: Dimension
    measure: str
    currency: str
    problems: list[str] = field(default_factory=list)


def ask(query: Mapping[str, str], viewer: User, *, strict: bool = False, default_period: str = "30d") -> Asked:
    """Read `query`. A page leaves out what it cannot read and says so; the API (`strict`) raises the refusal."""
    problems: list[str] = []
    today = timezone.now().date()
    try:
        period = period_of(query, today, default=default_period)
    except Refusal as refusal:
        if strict:
            raise
        problems.append(refusal.sentence)
        period = period_of({}, today, default=default_period)
    try:
        filters = filters_of(query, viewer)
    except Refusal as refusal:
        if strict:
            raise
        problems.append(refusal.sentence)
        filters = Filters()
    sight = sight_of(viewer)
    return Asked(
        sight=sight,
        period=period,
        filters=filters,
        dimension=DIMENSIONS.get(query.get("by", ""), _default_dimension(sight, filters)),
        measure=query.get("measure", "") if query.get("measure") in MEASURES else "",
        currency=query.get("currency", "")[:3].upper(),
        problems=problems,
    )


def _default_dimension(sight: Sight, filters: Filters) -> Dimension:
    if filters.route or filters.in_force.keys() == {"person"}:
        return DIMENSIONS["project"] if filters.tenant or not sight.everything else DIMENSIONS["tenant"]
    return DIMENSIONS["route"]


def without_paging(query: QueryDict, **changes: str | None) -> str:
    """`query` as the end of an address (`?…`), with `changes`; None takes a parameter away."""
    kept = [(name, value) for name, values in query.lists() if name not in PAGING and name not in changes
            for value in values]  # fmt: skip
    pairs = [*kept, *((name, value) for name, value in changes.items() if value)]
    return f"?{urlencode(pairs)}" if pairs else ""
