"""The spans of days for which the platform's totals are kept, and which of them add up to a period.

A span of `n` days begins on a Monday that is a multiple of `n` days away from `ORIGIN`; each longer one is made of
whole shorter ones. A quarter of a year is then some 15 rows a value instead of 90.
"""

from __future__ import annotations

import datetime as dt

SPANS = (1, 7, 28)  # days; the shortest first, each divides the next
ORIGIN = dt.date(1970, 1, 5)  # a Monday


def spans_covering(since: dt.date, until: dt.date) -> list[tuple[int, dt.date, dt.date]]:
    """Runs of spans that hold each day from `since` to `until` exactly once: length, first and last beginning.

    At most two runs of each length, one at either end of the period, and one of the longest.
    """
    return _covering((since - ORIGIN).days, (until - ORIGIN).days + 1, SPANS)


def _covering(first: int, end: int, lengths: tuple[int, ...]) -> list[tuple[int, dt.date, dt.date]]:
    """For the days from `first` (included) to `end` (not), counted from `ORIGIN`."""
    if first >= end:
        return []
    *shorter, length = lengths
    inner_first, inner_end = -(-first // length) * length, end // length * length
    if inner_first >= inner_end:
        return _covering(first, end, tuple(shorter))
    whole = (length, ORIGIN + dt.timedelta(days=inner_first), ORIGIN + dt.timedelta(days=inner_end - length))
    return [
        *_covering(first, inner_first, tuple(shorter)),
        whole,
        *_covering(inner_end, end, tuple(shorter)),
    ]
