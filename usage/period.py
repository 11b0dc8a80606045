"""The period a page of usage is about, in UTC days, as its address says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from refusals.errors import Invalid

NAMED = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "month": "This month", "last-month": "Last month"}
DEFAULT = "30d"
LONGEST_DAYS = 800


class PeriodNotUnderstood(Invalid):
    code = "period_not_understood"


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both days included. `slug` is a name of `NAMED` or `custom`."""

    slug: str
    since: dt.date
    until: dt.date

    @property
    def days(self) -> list[dt.date]:
        return [self.since + dt.timedelta(days=n) for n in range(self.length)]

    @property
    def length(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends where this one begins."""
        return Period("custom", self.since - dt.timedelta(days=self.length), self.since - dt.timedelta(days=1))

    @property
    def start(self) -> dt.datetime:
        return dt.datetime.combine(self.since, dt.time(), dt.UTC)

    @property
    def end(self) -> dt.datetime:
        """The first moment after the period."""
        return dt.datetime.combine(self.until, dt.time(), dt.UTC) + dt.timedelta(days=1)

    @property
    def words(self) -> str:
        same_year = self.since.year == self.until.year
        first = f"{self.since.day} {self.since:%b}" if same_year else f"{self.since.day} {self.since:%b %Y}"
        last = f"{self.until.day} {self.until:%b %Y}"
        return last if self.since == self.until else f"{first} to {last}"


def period_of(query: Mapping[str, str], today: dt.date, *, default: str = DEFAULT) -> Period:
    """The period that `query` names by `period`, or by `since` and `until`. Raises `PeriodNotUnderstood`."""
    if query.get("since") or query.get("until"):
        return _custom(query.get("since", ""), query.get("until", ""), today)
    slug = query.get("period") or default
    if slug == "month":
        return Period(slug, today.replace(day=1), today)
    if slug == "last-month":
        last = today.replace(day=1) - dt.timedelta(days=1)
        return Period(slug, last.replace(day=1), last)
    if slug not in NAMED:
        raise PeriodNotUnderstood(f"There is no period “{slug}”. Choose one of {', '.join(NAMED)}.", field="period")
    return Period(slug, today - dt.timedelta(days=int(slug[:-1]) - 1), today)


def _custom(since: str, until: str, today: dt.date) -> Period:
    first, last = _day(since, "since"), _day(until, "until")
    last = last or max(today, first or today)
    first = first or last
    if first > last:
        raise PeriodNotUnderstood("The period ends before it begins. Swap the two days.", field="since")
    if (last - first).days >= LONGEST_DAYS:
        raise PeriodNotUnderstood(f"A period may have {LONGEST_DAYS} days at most.", field="since")
    return Period("custom", first, last)


def _day(text: str, field: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise PeriodNotUnderstood(f"“{text[:40]}” is not a day. Write it as 2026-11-24.", field=field) from error
    if day is not None and not 2000 <= day.year <= 2200:
        raise PeriodNotUnderstood("Choose a day between 2000 and 2200.", field=field)
    return day
