"""What the usage page tells: headline figures with their change, a series a day, a breakdown, and who moved most."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from typing import Any

from django.conf import settings

from usage import totals
from usage.dimensions import Dimension, Name, names
from usage.filters import Filters
from usage.period import Period
from usage.scope import Sight
from usage.totals import Source, Totals

MEASURES = {"cost": "Cost", "calls": "Calls", "tokens": "Tokens"}
MOST_MOVED = 5
NAMED_AT_ONCE = 1_000
SERIES = 7  # colours a reader can still tell apart; the rest is one more


@dataclass(frozen=True)
class Line:
    """One value of the dimension: its name, its totals, and those of the period before."""

    key: Any
    name: Name
    now: Totals
    before: Totals
    share: Decimal

    def change(self, measure: str = "cost") -> Decimal | None:
        """The fraction by which `measure` changed; None when there was nothing before."""
        return change(getattr(self.now, measure), getattr(self.before, measure))

    @property
    def cost_change(self) -> Decimal | None:
        return self.change("cost")


@dataclass(frozen=True)
class Headline:
    """The sums of all calls that fit, in `currency`; `other_currencies` says what was left out."""

    source: Source
    period: Period
    measure: str
    currency: str
    now: Totals
    before: Totals
    days: dict[dt.date, Totals]
    other_currencies: dict[str, Decimal]


@dataclass(frozen=True)
class Figures:
    """Everything the page shows, in `currency`; `other_currencies` says what was left out.

    `lines` are the first of `count`; `moved` are those whose cost changed most, shown or not.
    """

    period: Period
    dimension: Dimension
    measure: str
    currency: str
    now: Totals
    before: Totals
    days: dict[dt.date, Totals]
    lines: list[Line]
    moved: list[Line]
    count: int
    series: list[tuple[str, list[Decimal]]]
    other_currencies: dict[str, Decimal]

    @property
    def rest(self) -> Totals:
        """What the values that have no line of their own add up to."""
        return self.beside(self.lines)

    def beside(self, lines: Iterable[Line]) -> Totals:
        """What is left of the whole when `lines` are shown."""
        return self.now - sum((line.now for line in lines), Totals())

    def beside_before(self, lines: Iterable[Line]) -> Totals:
        """The same of the period before; cost and calls only."""
        return self.before - sum((line.before for line in lines), Totals())

    def change(self, name: str) -> Decimal | None:
        return change(getattr(self.now, name), getattr(self.before, name))


def change(now: Decimal | int, before: Decimal | int) -> Decimal | None:
    """The fraction by which a figure grew; None when there was nothing to grow from."""
    return (Decimal(now) - Decimal(before)) / Decimal(before) if before else None


def figures(
    sight: Sight,
    filters: Filters,
    period: Period,
    dimension: Dimension,
    *,
    measure: str = "",
    currency: str = "",
    named: int | None = None,
) -> Figures:
    """The figures of the calls in `sight` that fit, in at most five queries.

    `named`: how many lines will be shown by name; None names all that were read, which takes longer for thousands.
    """
    head = headline(sight, filters, period, measure=measure, currency=currency)
    anything = head.now.calls or head.before.calls
    lines, moved, count = _lines(head, dimension, named) if anything else ([], [], 0)
    return Figures(
        period=period,
        dimension=dimension,
        measure=head.measure,
        currency=head.currency,
        now=head.now,
        before=head.before,
        days={day: head.days.get(day, Totals()) for day in period.days},
        lines=lines,
        moved=moved,
        count=count,
        series=_series(head, dimension, lines),
        other_currencies=head.other_currencies,
    )


def headline(sight: Sight, filters: Filters, period: Period, *, measure: str = "", currency: str = "") -> Headline:
    """The sums of the calls in `sight` that fit, in one query."""
    source = Source(sight, filters)
    by_currency = totals.by_day(source, Period("custom", period.before.since, period.until))
    currency = _currency(by_currency, currency)
    days = by_currency.get(currency, {})
    now = sum((t for day, t in days.items() if day >= period.since), Totals())
    return Headline(
        source=source.priced_in(currency),
        period=period,
        measure=measure or ("cost" if now.cost or not now.calls else "calls"),
        currency=currency,
        now=now,
        before=sum((t for day, t in days.items() if day < period.since), Totals()),
        days=days,
        other_currencies={
            code: cost
            for code, told in by_currency.items()
            if code != currency and (cost := sum((t.cost for d, t in told.items() if d >= period.since), Decimal(0)))
        },
    )


def every_line(head: Headline, dimension: Dimension) -> Iterator[Line]:
    """All lines of the breakdown, largest first, however many: their sums read at once, their names some at a time."""
    found = totals.by_value(head.source, head.period, dimension, measure=head.measure, most=None)
    for some in batched(_largest_first(found, dimension, head.measure), NAMED_AT_ONCE):
        called = names(dimension, some)
        yield from (_line(head, found, key, called) for key in some)


def _currency(found: dict[str, Any], asked: str) -> str:
    """The one asked for, else the house's own when anything was paid in it, else the only one there is."""
    if asked in found:
        return asked
    return settings.CURRENCY if settings.CURRENCY in found or not found else min(found)


def _lines(head: Headline, dimension: Dimension, named: int | None) -> tuple[list[Line], list[Line], int]:
    """The lines, largest first, at most `named` of them; those that changed most; and how many there are."""
    found = totals.by_value(head.source, head.period, dimension, measure=head.measure)
    keys = _largest_first(found, dimension, head.measure)
    moved = sorted(keys, key=found.moved, reverse=True)[:MOST_MOVED]
    shown = keys if named is None else keys[:named]
    called = names(dimension, {*shown, *moved})
    lines = ([_line(head, found, key, called) for key in some] for some in (shown, moved))
    return next(lines), next(lines), found.count


def _largest_first(found: totals.Breakdown, dimension: Dimension, measure: str) -> list[Any]:
    def size(key: Any) -> Any:
        return key if dimension.slug == "day" else (found.figure(key, measure), found.figure(key, "calls"), str(key))

    return sorted(found.keys(), key=size, reverse=True)


def _line(head: Headline, found: totals.Breakdown, key: Any, called: dict[Any, Name]) -> Line:
    whole = getattr(head.now, head.measure)
    share = Decimal(found.figure(key, head.measure)) / whole if whole else Decimal(0)
    return Line(key, called.get(key) or Name(str(key or "—"), ""), *found.totals(key), share)


def _series(head: Headline, dimension: Dimension, lines: list[Line]) -> list[tuple[str, list[Decimal]]]:
    """What the chart draws: a line of figures for each of the largest values, the rest together."""
    period, measure, days = head.period, head.measure, head.days
    whole = [Decimal(getattr(days.get(day, Totals()), measure)) for day in period.days]
    if dimension.slug == "day" or not lines:
        return [(MEASURES[measure], whole)]
    top = [line for line in lines[:SERIES] if line.now.calls]
    found = totals.by_day_and_value(head.source, period, dimension, [line.key for line in top], measure)
    drawn = [(line.name.label, [found.get(line.key, {}).get(day, Decimal(0)) for day in period.days]) for line in top]
    rest = [total - sum(figures[n] for _, figures in drawn) for n, total in enumerate(whole)]
    return [*drawn, ("Others", rest)] if any(rest) else drawn
