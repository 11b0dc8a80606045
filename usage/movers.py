"""Who spends notably more or less than before, in words, with the cause where one stands out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum

from ui.formatting import MANIFOLD, growth, money
from usage.figures import Figures, Line
from usage.period import Period
from usage.totals import Source

NOTABLE_SHARE = Decimal("0.02")  # of everything spent in both periods together: below, nobody needs to know
NOTABLE_CHANGE = Decimal("0.10")
CAUSE_SHARE = Decimal("0.5")  # a cause explains at least half of the change
MOST = 3
TELLING = ("tenant", "project", "route", "person", "provider")


@dataclass(frozen=True)
class Mover:
    """`sentence` tells about the value `value` of the dimension; `is_more` says in which direction."""

    sentence: str
    value: str
    is_more: bool


def movers(source: Source, told: Figures) -> list[Mover]:
    """At most three sentences, the largest change first. One query for the causes, none when nobody moved."""
    if told.dimension.slug not in TELLING:
        return []
    floor = NOTABLE_SHARE * (told.now.cost + told.before.cost)
    moved = [line for line in told.moved if _is_notable(line, floor)]
    moved.sort(key=lambda line: abs(line.now.cost - line.before.cost), reverse=True)
    causes = _causes(source, told, moved[:MOST]) if moved else {}
    return [Mover(_sentence(line, told, causes.get(line.key, "")), line.name.value, line.now.cost > line.before.cost)
            for line in moved[:MOST]]  # fmt: skip


def _is_notable(line: Line, floor: Decimal) -> bool:
    if abs(line.now.cost - line.before.cost) <= floor:
        return False
    fraction = line.cost_change
    return fraction is None or abs(fraction) >= NOTABLE_CHANGE


def _sentence(line: Line, told: Figures, cause: str) -> str:
    now, before = money(line.now.cost, told.currency), money(line.before.cost, told.currency)
    span = f"the {told.period.length} days before" if told.period.length > 1 else "the day before"
    fraction = line.cost_change
    if fraction is None:
        said = f"{line.name.label} is new: {now}, nothing in {span}"
    elif not line.now.cost:
        said = f"{line.name.label} spent nothing any more, after {before} in {span}"
    else:
        said = f"{line.name.label} spends {_compared(fraction)} in {span}: {now} after {before}"
    return f"{said}; mostly {cause}." if cause else f"{said}."


def _compared(fraction: Decimal) -> str:
    return f"{growth(fraction)} as much as" if fraction >= MANIFOLD else growth(fraction)


def _causes(source: Source, told: Figures, moved: list[Line]) -> dict[Any, str]:
    """For each value the route and project that explain at least half of its change."""
    both = Period("custom", told.period.before.since, told.period.until)
    if source.is_whole and told.dimension.slug not in ("tenant", "project"):
        return {}  # a route of the whole house has causes in every tenant: open it to see them
    field = told.dimension.field
    keys = [line.key for line in moved if line.key]
    rows = source.filters.apply(source.sight.rollups()).filter(
        **{f"{field}__in": keys}, day__range=(both.since, both.until), currency=told.currency
    )
    difference = Sum("cost", filter=Q(day__gte=told.period.since), default=Decimal(0)) - Sum(
        "cost", filter=Q(day__lt=told.period.since), default=Decimal(0)
    )
    by_key: dict[str, list[tuple[Decimal, str, str]]] = defaultdict(list)
    for value, route, project, moved_by in rows.values_list(field, "route", "project__name").annotate(by=difference):
        by_key[str(value)].append((moved_by, route, project))
    largest = {
        line.key: max(by_key[str(line.key)], key=lambda part: part[0] if line.now.cost > line.before.cost else -part[0])
        for line in moved
        if by_key.get(str(line.key))
    }
    return {
        line.key: _cause(told.dimension.slug, route, project)
        for line in moved
        if line.key in largest
        for by, route, project in [largest[line.key]]
        if by / (line.now.cost - line.before.cost) >= CAUSE_SHARE
    }


def _cause(slug: str, route: str, project: str) -> str:
    said_already = {"project": f"route {route}", "route": f"project {project}"}
    return said_already.get(slug, f"route {route} in project {project}")
