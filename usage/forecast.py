"""What a month will cost: what was spent, and for each day to come the mean of that weekday in the last four weeks."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

WEEKS = 4


def month_end(spent: Mapping[dt.date, Decimal], today: dt.date) -> Decimal | None:
    """The forecast for the month of `today`; None while nothing was spent in the four weeks before.

    Today counts as far as it was spent or as its weekday's mean, whichever is more.
    """
    window = [today - dt.timedelta(days=n) for n in range(1, 7 * WEEKS + 1)]
    if not any(spent.get(day) for day in window):
        return None
    mean = [
        sum((spent.get(day, Decimal(0)) for day in window if day.weekday() == weekday), Decimal(0)) / WEEKS
        for weekday in range(7)
    ]
    last = calendar.monthrange(today.year, today.month)[1]
    so_far = sum((spent.get(today.replace(day=n), Decimal(0)) for n in range(1, today.day)), Decimal(0))
    rest = sum((mean[today.replace(day=n).weekday()] for n in range(today.day + 1, last + 1)), Decimal(0))
    return so_far + max(spent.get(today, Decimal(0)), mean[today.weekday()]) + rest
