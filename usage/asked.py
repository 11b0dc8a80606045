"""What a request asks of usage: whose sight, which period, which filters, broken down by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from refusals.errors import Invalid
from tenants.models import User
from usage.dimensions import DIMENSIONS, Dimension
from usage.figures import MEASURES
from usage.filters import FilterNotUnderstood, Filters, filters_of
from usage.period import Period, PeriodNotUnderstood, period_of
from usage.scope import Sight, sight_of

PAGING = ("before", "after", "page")


@dataclass(frozen=True)
class Asked:
    """A question about usage. `problems` says in words which parts were not understood; `left_out` names them."""

    sight: Sight
    period: Period
    filters: Filters
    dimension: Dimension
    measure: str
    currency: str
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class DimensionNotUnderstood(Invalid):
    code = "dimension_not_understood"


def ask(query: Mapping[str, str], viewer: User, *, strict: bool = False, default_period: str = "30d") -> Asked:
    """Read `query`. A page leaves out just what it cannot read and says so.

    `strict`, for the API and for files, which show no such sentence: raises the refusal instead.
    """
    problems: list[str] = []
    left_out: list[str] = []

    def leave_out(refusal: Invalid, *names: str) -> None:
        if strict:
            raise refusal
        problems.append(refusal.sentence)
        left_out.extend(names)

    today = timezone.now().date()
    try:
        period = period_of(query, today, default=default_period)
    except PeriodNotUnderstood as refusal:  # of a period one half alone would mean something else
        leave_out(refusal, "period", "since", "until")
        period = period_of({}, today, default=default_period)
    readable = dict(query.items())
    while True:
        try:
            filters = filters_of(readable, viewer)
            break
        except FilterNotUnderstood as refusal:
            leave_out(refusal, refusal.field)
            del readable[refusal.field]
    sight = sight_of(viewer)
    by = query.get("by", "")
    if by and by not in DIMENSIONS:
        told = f"There is no breakdown by “{by[:40]}”. Choose one of {', '.join(DIMENSIONS)}."
        leave_out(DimensionNotUnderstood(told, field="by"), "by")
    return Asked(
        sight=sight,
        period=period,
        filters=filters,
        dimension=DIMENSIONS.get(by, _default_dimension(sight, filters)),
        measure=query.get("measure", "") if query.get("measure") in MEASURES else "",
        currency=query.get("currency", "")[:3].upper(),
        problems=problems,
        left_out=left_out,
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
