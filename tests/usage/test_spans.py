"""A period is covered by whole spans: each of its days once, none outside of it, and in few rows."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from usage.spans import SPANS, spans_covering

DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2200, 1, 1))


def beginnings(since: dt.date, until: dt.date) -> list[tuple[int, dt.date]]:
    return [
        (span, first + dt.timedelta(days=n))
        for span, first, last in spans_covering(since, until)
        for n in range(0, (last - first).days + 1, span)
    ]


@given(DAYS, st.integers(1, 800))
def test_each_day_is_covered_once_and_by_few_spans(since: dt.date, length: int) -> None:
    until = since + dt.timedelta(days=length - 1)
    found = beginnings(since, until)
    days = [first + dt.timedelta(days=n) for span, first in found for n in range(span)]
    assert days == [since + dt.timedelta(days=n) for n in range(length)]
    assert len(found) <= 2 * 6 + 2 * 3 + length // SPANS[-1]
    assert all(first.weekday() == 0 for span, first in found if span > 1)


def test_a_period_that_ends_before_it_begins_is_covered_by_nothing() -> None:
    assert spans_covering(dt.date(2026, 11, 25), dt.date(2026, 11, 24)) == []
