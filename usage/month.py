"""The month that is under way: what was spent, the days behind it, and what it will come to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from usage import totals
from usage.filters import Filters
from usage.forecast import month_end
from usage.period import Period
from usage.scope import Sight

WEEKS_SHOWN = 5


@dataclass(frozen=True)
class Month:
    """In `currency`, that of most calls; `points` are the whole days of the last `WEEKS_SHOWN` weeks."""

    currency: str
    points: list[Decimal] = field(default_factory=list)
    spent: Decimal = Decimal(0)
    calls: int = 0
    forecast: Decimal | None = None


def month(sight: Sight) -> Month | None:
    """This UTC month in `sight`; None where nothing was called in `WEEKS_SHOWN` weeks."""
    today = timezone.now().date()
    period = Period("custom", today - dt.timedelta(days=7 * WEEKS_SHOWN - 1), today)
    found = totals.by_day(totals.Source(sight, Filters()), period)
    if not found:
        return None
    currency = max(found, key=lambda code: sum((told.calls for told in found[code].values()), 0))
    spent = {day: told.cost for day, told in found[currency].items()}
    first = today.replace(day=1)
    return Month(
        currency=currency,
        points=[spent.get(day, Decimal(0)) for day in period.days[:-1]],  # today is not over
        spent=sum((cost for day, cost in spent.items() if day >= first), Decimal(0)),
        calls=sum(told.calls for day, told in found[currency].items() if day >= first),
        forecast=month_end(spent, today),
    )
