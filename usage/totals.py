"""Read pre-added totals: by day, by the values of a dimension, and by both, from whichever table holds fewer rows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum

from usage.dimensions import Dimension
from usage.filters import Filters
from usage.models import PlatformRollup
from usage.period import Period
from usage.scope import Sight

MOST_VALUES = 3_000
COLUMNS = ("cost", "calls", "errors", "unpriced", "input_tokens", "output_tokens", "duration_ms")
COLUMNS_BEFORE = ("cost", "calls")  # all that a breakdown compares


@dataclass(frozen=True)
class Totals:
    """Sums over some calls; `cost` in one currency."""

    cost: Decimal = Decimal(0)
    calls: int = 0
    errors: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def error_share(self) -> Decimal:
        return Decimal(self.errors) / self.calls if self.calls else Decimal(0)

    @property
    def mean_ms(self) -> int | None:
        return self.duration_ms // self.calls if self.calls else None

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, name) + getattr(other, name) for name in COLUMNS))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, name) - getattr(other, name) for name in COLUMNS))


@dataclass(frozen=True)
class Source:
    """What is asked for: whose sight, which filters, which currency (empty: all, for finding out)."""

    sight: Sight
    filters: Filters
    currency: str = ""

    def priced_in(self, currency: str) -> Source:
        return replace(self, currency=currency)

    @property
    def is_whole(self) -> bool:
        """Everything of everybody is asked for, which the platform's totals hold in fewer rows."""
        return self.sight.everything and not self.filters.in_force

    def _one_filter(self) -> tuple[str, str] | None:
        """The only filter, where the platform's totals hold each of its values."""
        filters = self.filters.in_force
        name, value = next(iter(filters.items())) if len(filters) == 1 else ("", "")
        return (name, value) if name in ("route", "provider", "environment") else None

    def rows(self, period: Period, dimension: Dimension | None, *, by_day: bool = False) -> tuple[QuerySet[Any], str]:
        """The totals of `period` and the column that holds the values of `dimension`; `by_day`: a row is one day."""
        slug = "" if dimension is None or dimension.slug == "day" else dimension.slug
        field = "value" if slug else "day"
        if self.is_whole and (dimension is None or dimension.on_platform):
            held = PlatformRollup.objects.filter(dimension=slug or "environment")
            by_day = by_day or not slug
            rows: QuerySet[Any] = held.daily() if by_day else held.covering(period.since, period.until)
        elif self.sight.everything and not slug and (one := self._one_filter()):
            rows, by_day = PlatformRollup.objects.daily().filter(dimension=one[0], value=one[1]), True
        else:
            rows, by_day = self.filters.apply(self.sight.rollups()), True
            field = dimension.field if dimension else "day"
        if by_day:
            rows = rows.filter(day__range=(period.since, period.until))
        return (rows.filter(currency=self.currency) if self.currency else rows).order_by(), field


def by_day(source: Source, period: Period) -> dict[str, dict[dt.date, Totals]]:
    """Totals of each day by currency."""
    rows, _ = source.rows(period, None)
    found: dict[str, dict[dt.date, Totals]] = defaultdict(dict)
    for row in rows.values("currency", "day").annotate(**_sums()):
        found[row["currency"]][row["day"]] = _totals(row)
    return dict(found)


def calls_by_day(sight: Sight, routes: list[str], period: Period) -> dict[str, dict[dt.date, int]]:
    """Calls of each day by route, of those of `routes` that were called."""
    rows, field = (
        (PlatformRollup.objects.daily().filter(dimension="route", value__in=routes), "value")
        if sight.everything
        else (sight.rollups().filter(route__in=routes), "route")
    )
    rows = rows.filter(day__range=(period.since, period.until)).order_by()
    found: dict[str, dict[dt.date, int]] = defaultdict(dict)
    for route, day, calls in rows.values_list(field, "day").annotate(told=Sum("calls")):
        found[route][day] = calls
    return dict(found)


@dataclass(frozen=True)
class Breakdown:
    """Totals of a period by value, and of the one before it (cost and calls, which is all that is compared).

    `count` is how many values there are; more than these where only the largest were read.
    """

    now: dict[Any, tuple[Any, ...]]
    before: dict[Any, tuple[Any, ...]]
    count: int

    def keys(self) -> set[Any]:
        return self.now.keys() | self.before.keys()

    def figure(self, key: Any, name: str) -> Any:
        """One figure of now, without making totals of thousands of values."""
        row = self.now.get(key)
        if row is None:
            return 0
        return row[4] + row[5] if name == "tokens" else row[COLUMNS.index(name)]

    def moved(self, key: Any) -> Decimal:
        """By how much the cost changed, either way."""
        now, before = self.now.get(key), self.before.get(key)
        return abs(Decimal(now[0] if now else 0) - Decimal(before[0] if before else 0))

    def totals(self, key: Any) -> tuple[Totals, Totals]:
        return Totals(*self.now.get(key, ())), Totals(*self.before.get(key, ()))


def by_value(
    source: Source, period: Period, dimension: Dimension, *, measure: str, most: int | None = MOST_VALUES
) -> Breakdown:
    """Totals of `period` and of the one before it for each value; of more than `most`, those largest in `measure`.

    Two queries over the platform's totals, which hold no more values than there are tenants or routes, and each reads
    half; one over those of tenants, where keys and people may be many.
    """
    if source.is_whole and dimension.on_platform:
        told = [_of_period(source, part, dimension, names) for part, names in
                ((period, COLUMNS), (period.before, COLUMNS_BEFORE))]  # fmt: skip
        before_it = {} if dimension.slug == "day" else told[1]
        return Breakdown(told[0], before_it, len(told[0].keys() | before_it.keys()))
    rows, field = source.rows(Period("custom", period.before.since, period.until), dimension)
    now, before = Q(day__gte=period.since), Q(day__lt=period.since)
    sums = [Sum(name, filter=now, default=0) for name in COLUMNS]
    sums += [Sum(name, filter=before, default=0) for name in COLUMNS_BEFORE]
    if dimension.slug == "day":
        rows = rows.filter(now)
    largest = [*(f"-sum_{n}" for n in _places(measure)), f"-sum_{len(COLUMNS)}", field]
    found = rows.values_list(field).annotate(**{f"sum_{n}": each for n, each in enumerate(sums)}).order_by(*largest)
    read = list(found if most is None else found[: most + 1])
    count = len(read) if most is None or len(read) <= most else rows.values(field).distinct().count()
    width = len(COLUMNS)
    return Breakdown(
        {row[0]: row[1 : 1 + width] for row in read[:most] if row[2]},
        {row[0]: row[1 + width :] for row in read[:most] if row[2 + width]},
        count,
    )


def _places(measure: str) -> list[int]:
    """By which of `COLUMNS` the largest in `measure` are told."""
    named = ("output_tokens", "input_tokens") if measure == "tokens" else (measure,)
    return [COLUMNS.index(name) for name in (*named, "calls")]


def _of_period(
    source: Source, period: Period, dimension: Dimension, columns: tuple[str, ...]
) -> dict[Any, tuple[Any, ...]]:
    rows, field = source.rows(period, dimension)
    found = rows.values_list(field).annotate(**{f"sum_{name}": Sum(name) for name in columns})
    return {row[0]: row[1:] for row in found}


def by_day_and_value(
    source: Source, period: Period, dimension: Dimension, values: Collection[Any], measure: str
) -> dict[Any, dict[dt.date, Decimal]]:
    """One figure (`cost`, `calls` or `tokens`) of each of `values` on each day."""
    rows, field = source.rows(period, dimension, by_day=True)
    present = [value for value in values if value is not None]
    wanted = Q(**{f"{field}__in": present})
    if len(present) < len(values):
        wanted |= Q(**{f"{field}__isnull": True})
    figure = Sum("input_tokens") + Sum("output_tokens") if measure == "tokens" else Sum(measure)
    found: dict[Any, dict[dt.date, Decimal]] = defaultdict(dict)
    for value, day, total in rows.filter(wanted).values_list(field, "day").annotate(total=figure):
        found[value][day] = Decimal(total or 0)
    return dict(found)


def _sums() -> dict[str, Sum]:
    return {f"sum_{name}": Sum(name) for name in COLUMNS}


def _totals(row: dict[str, Any]) -> Totals:
    sums: dict[str, Any] = {name: row[f"sum_{name}"] or 0 for name in COLUMNS}
    return Totals(**sums)
