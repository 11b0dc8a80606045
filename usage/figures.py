"""What the usage page tells: headline figures with their change, a series a day, a breakdown, and who moved most."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
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
    """The figures of the calls in `sight` that fit, in at most four queries.

    `named`: how many lines will be shown by name; None names all of them, which takes longer when there are thousands.
    """
    source = Source(sight, filters)
    by_currency = totals.by_day(source, Period("custom", period.before.since, period.until))
    currency = _currency(by_currency, currency)
    source = source.priced_in(currency)
    days = by_currency.get(currency, {})
    now = sum((t for day, t in days.items() if day >= period.since), Totals())
    before = sum((t for day, t in days.items() if day < period.since), Totals())
    measure = measure or ("cost" if now.cost or not now.calls else "calls")
    anything = now.calls or before.calls
    lines, moved, count = _lines(source, period, dimension, now, measure, named) if anything else ([], [], 0)
    return Figures(
        period=period,
        dimension=dimension,
        measure=measure,
        currency=currency,
        now=now,
        before=before,
        days={day: days.get(day, Totals()) for day in period.days},
        lines=lines,
        moved=moved,
        count=count,
        series=_series(source, period, dimension, measure, days, lines),
        other_currencies={
            code: cost
            for code, told in by_currency.items()
            if code != currency and (cost := sum((t.cost for d, t in told.items() if d >= period.since), Decimal(0)))
        },
    )


def _currency(found: dict[str, Any], asked: str) -> str:
    """The one asked for, else the house's own when anything was paid in it, else the only one there is."""
    if asked in found:
        return asked
    return settings.CURRENCY if settings.CURRENCY in found or not found else min(found)


def _lines(
    source: Source, period: Period, dimension: Dimension, whole: Totals, measure: str, named: int | None
) -> tuple[list[Line], list[Line], int]:
    """The lines, largest first, at most `named` of them; those that changed most; and how many there are."""
    found = totals.by_value(source, period, dimension)

    def size(key: Any) -> Any:
        return key if dimension.slug == "day" else (found.figure(key, measure), found.figure(key, "calls"), str(key))

    keys = sorted(found.keys(), key=size, reverse=True)
    moved = sorted(keys, key=found.moved, reverse=True)[:MOST_MOVED]
    shown = keys if named is None else keys[:named]
    called = names(dimension, {*shown, *moved})
    all_of_it = getattr(whole, measure)

    def line(key: Any) -> Line:
        share = Decimal(found.figure(key, measure)) / all_of_it if all_of_it else Decimal(0)
        return Line(key, called.get(key) or Name(str(key or "—"), ""), *found.totals(key), share)

    return [line(key) for key in shown], [line(key) for key in moved], len(keys)


def _series(
    source: Source, period: Period, dimension: Dimension, measure: str, days: dict[dt.date, Totals], lines: list[Line]
) -> list[tuple[str, list[Decimal]]]:
    """What the chart draws: a line of figures for each of the largest values, the rest together."""
    whole = [Decimal(getattr(days.get(day, Totals()), measure)) for day in period.days]
    if dimension.slug == "day" or not lines:
        return [(MEASURES[measure], whole)]
    top = [line for line in lines[:SERIES] if line.now.calls]
    found = totals.by_day_and_value(source, period, dimension, [line.key for line in top], measure)
    drawn = [(line.name.label, [found.get(line.key, {}).get(day, Decimal(0)) for day in period.days]) for line in top]
    rest = [total - sum(figures[n] for _, figures in drawn) for n, total in enumerate(whole)]
    return [*drawn, ("Others", rest)] if any(rest) else drawn
