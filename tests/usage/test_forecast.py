"""The forecast of a month is what was spent and the mean of each weekday to come."""

import datetime as dt
from decimal import Decimal

from usage.forecast import month_end
from usage.latency import rank

TODAY = dt.date(2026, 11, 24)  # a Tuesday


def test_it_works() -> None:
    working_days = {
        TODAY - dt.timedelta(days=n): Decimal(10) for n in range(60) if (TODAY - dt.timedelta(days=n)).weekday() < 5
    }
    assert month_end(working_days, TODAY) == 21 * 10  # November 2026 has 21 working days


def test_a_day_that_is_already_dearer_counts_as_it_is() -> None:
    spent = {TODAY - dt.timedelta(days=7): Decimal(4), TODAY: Decimal(100)}
    assert month_end(spent, TODAY) == 104


def test_without_a_past_there_is_no_forecast() -> None:
    assert month_end({TODAY: Decimal(5)}, TODAY) is None


def test_percentiles_are_by_nearest_rank() -> None:
    assert (rank(range(1, 101), 95), rank(range(1, 101), 50), rank([7], 95), rank([], 95)) == (95, 50, 7, None)
