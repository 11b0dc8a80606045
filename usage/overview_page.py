"""The usage page: headline figures, the chart, who moved, and the breakdown that leads down to the calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from audit.exporting import exported
from tenants.models import User
from ui.charting import Chart, Series, Unit
from ui.exporting import csv_response
from usage.asked import Asked, ask, without_paging
from usage.dimensions import DIMENSIONS, Dimension
from usage.figures import MEASURES, Figures, Headline, Line, change, every_line, figures, headline
from usage.latency import latency
from usage.movers import movers
from usage.period import NAMED
from usage.totals import MOST_VALUES, Source, Totals

SHOWN = 25
MUCH_SPEND, MUCH_ERRORS = Decimal("0.2"), Decimal("0.005")
MAX_TEXT = 200
# What an address says of the breakdown alone, which the calls know nothing of.
OF_THE_BREAKDOWN: dict[str, str | None] = {"by": None, "measure": None, "sort": None, "q": None}
UNITS: dict[str, Unit] = {"cost": "money", "calls": "number", "tokens": "tokens"}
SORTS = {
    "name": lambda line: line.name.label.casefold(),
    "calls": lambda line: line.now.calls,
    "tokens": lambda line: line.now.tokens,
    "errors": lambda line: line.now.error_share,
    "time": lambda line: line.now.mean_ms or 0,
    "cost": lambda line: line.now.cost,
    "change": lambda line: line.now.cost - line.before.cost,
}


@dataclass(frozen=True)
class ShownLine:
    """A line of the breakdown with where its name (deeper) and its calls (the rows) lead."""

    line: Line
    deeper: str
    calls: str


@dataclass(frozen=True)
class Rest:
    """The lines that are not shown, together, so that what is shown adds up to the total."""

    count: int
    now: Totals
    before: Totals
    share: Decimal

    @property
    def cost_change(self) -> Decimal | None:
        return change(self.now.cost, self.before.cost)


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """`/usage/`."""
    asked = ask(request.GET, _viewer(request))
    sort, words = request.GET.get("sort", ""), words_of(request.GET)
    number = _page_number(request.GET)
    told = _figures(asked, named=None if sort or words else SHOWN * number)
    lines = fitting(sorted_lines(told.lines, sort), words)
    most = len(lines) if words else min(told.count, MOST_VALUES)
    page = Paginator(range(most), SHOWN).get_page(number)
    told_movers = movers(Source(asked.sight, asked.filters, told.currency), told)
    calls = without_paging(request.GET, **OF_THE_BREAKDOWN)
    context = {
        "asked": asked,
        "told": told,
        "latency": latency(asked.sight, asked.filters, asked.period) if told.now.calls else None,
        "movers": [(mover, _narrowed(request.GET, told, mover.value)) for mover in told_movers],
        "changes": {name: told.change(name) for name in ("cost", "calls", "tokens")},
        "errors_moved": _errors_moved(told),
        "matters": _matters(told),
        "measure_label": MEASURES[told.measure],
        "chart": _chart(told, request.GET),
        "lines": [_shown(line, told, request.GET) for line in lines[page.start_index() - 1 : page.end_index()]],
        "rest": None if words or page.has_next() else _rest(told, lines),
        "page": page,
        "words": words,
        "sort": sort,
        "choices": _choices(asked, told),
        "chips": chips(request.GET, asked),
        "export_query": without_paging(request.GET, **dict.fromkeys(asked.left_out)),
        "calls_href": reverse("usage:calls") + calls,
        "errors_href": reverse("usage:calls") + without_paging(request.GET, **OF_THE_BREAKDOWN, outcome="errors"),
    }
    return render(request, "usage/overview.html", context)


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The breakdown as CSV, every line that fits. A filter that cannot be read is refused."""
    asked = ask(request.GET, _viewer(request), strict=True)
    told = headline(asked.sight, asked.filters, asked.period, measure=asked.measure, currency=asked.currency)
    head = [
        asked.dimension.label, "calls", "errors", "calls without a price", "input tokens", "output tokens",
        "mean duration ms", "cost", "cost of the period before", "currency", "first day", "last day",
    ]  # fmt: skip
    name = f"usage-by-{asked.dimension.slug}-{told.period.since}-to-{told.period.until}.csv"
    exported(request, "usage")
    return csv_response(name, head, _rows(told, asked.dimension, words_of(request.GET)))


def sorted_lines(lines: list[Line], sort: str) -> list[Line]:
    """The lines by a column (`cost`, descending `-cost`); as they are for none."""
    key = SORTS.get(sort.removeprefix("-"))
    return sorted(lines, key=key, reverse=sort.startswith("-")) if key else lines


def words_of(query: QueryDict) -> str:
    """The words to look for in the breakdown."""
    return query.get("q", "").replace("\x00", "").strip()[:MAX_TEXT]


def fitting(lines: list[Line], words: str) -> list[Line]:
    """The lines with every one of `words` in their name or value."""
    wanted = words.casefold().split()
    return [line for line in lines if all(w in f"{line.name.label} {line.name.value}".casefold() for w in wanted)]


def _page_number(query: QueryDict) -> int:
    number = query.get("page", "")
    return max(1, int(number)) if number.isascii() and number.isdecimal() and len(number) < 6 else 1


def chips(query: QueryDict, asked: Asked) -> list[tuple[str, str]]:
    """Each filter in force in words, and the address without it."""
    return [
        (f"{name.replace('_', ' ').capitalize()}: {value}", without_paging(query, **{name: None}) or "?")
        for name, value in asked.filters.in_force.items()
    ]


def _viewer(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("usage is shown to people who are signed in")
    return request.user


def _figures(asked: Asked, named: int | None = None) -> Figures:
    return figures(
        asked.sight,
        asked.filters,
        asked.period,
        asked.dimension,
        measure=asked.measure,
        currency=asked.currency,
        named=named,
    )


def _errors_moved(told: Figures) -> Decimal | None:
    """By how much the share of errors moved; None when there were no calls to compare with."""
    return told.now.error_share - told.before.error_share if told.before.calls else None


def _matters(told: Figures) -> dict[str, Any]:
    """Which changes are worth a colour: a fifth of the spend, half a point of errors ("more" or "less")."""
    cost, errors = told.change("cost"), _errors_moved(told)
    return {
        "cost": cost is not None and abs(cost) >= MUCH_SPEND,
        "errors": "" if errors is None or abs(errors) < MUCH_ERRORS else "more" if errors > 0 else "less",
    }


def _chart(told: Figures, query: QueryDict) -> Chart:
    days = [day.isoformat() for day in told.period.days]
    calls = reverse("usage:calls")
    return Chart(
        kind="stacked",
        labels=days,
        series=[Series(name, values) for name, values in told.series],
        unit=UNITS[told.measure],
        hrefs=[calls + without_paging(query, **OF_THE_BREAKDOWN, since=d, until=d, period=None) for d in days],
    )


def _narrowed(query: QueryDict, told: Figures, value: str) -> str:
    """This page about `value` only, broken down further; empty where it cannot be filtered by."""
    narrowed = {told.dimension.slug: value, "by": told.dimension.opens}
    return without_paging(query, **narrowed, sort=None, q=None) if value else ""


def _shown(line: Line, told: Figures, query: QueryDict) -> ShownLine:
    slug, value = told.dimension.slug, line.name.value
    if slug == "day":
        narrowed: dict[str, str | None] = {"since": value, "until": value, "period": None}
    elif value:
        narrowed = {slug: value}
    else:
        return ShownLine(line, "", "")
    deeper = without_paging(query, **narrowed, by=told.dimension.opens, sort=None, q=None)
    calls = without_paging(query, **narrowed, **OF_THE_BREAKDOWN)
    return ShownLine(line, deeper, reverse("usage:calls") + calls)


def _choices(asked: Asked, told: Figures) -> dict[str, Any]:
    return {
        "periods": NAMED,
        "dimensions": [each for each in DIMENSIONS.values() if _is_offered(each, asked)],
        "measures": MEASURES,
        "is_mine": asked.filters.person == asked.sight.viewer.username,
    }


def _is_offered(dimension: Dimension, asked: Asked) -> bool:
    """All of them; by tenant only where there are several."""
    several = asked.sight.everything or len(asked.sight.places.tenants) > 1
    return dimension.slug != "tenant" or (several and not asked.filters.tenant)


def _rest(told: Figures, shown: list[Line]) -> Rest | None:
    """What is too much for lines of their own; the last page tells it, so that the whole adds up."""
    count = told.count - len(shown)
    if count <= 0:
        return None
    now, whole = told.beside(shown), getattr(told.now, told.measure)
    share = Decimal(getattr(now, told.measure)) / whole if whole else Decimal(0)
    return Rest(count, now, told.beside_before(shown), share)


def _rows(told: Headline, dimension: Dimension, words: str) -> Iterator[list[Any]]:
    for line in every_line(told, dimension):
        if not fitting([line], words):
            continue
        now = line.now
        yield [
            line.name.label, now.calls, now.errors, now.unpriced, now.input_tokens, now.output_tokens, now.mean_ms,
            now.cost, line.before.cost, told.currency, told.period.since, told.period.until,
        ]  # fmt: skip
