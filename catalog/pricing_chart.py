"""Draw how the prices of a model's offers moved: one line an offer, a point wherever any of them changed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

from catalog.figures import PricePeriod
from catalog.models import Deployment
from catalog.shelf import blended
from ui.charting import Chart, Series

MOST_LINES = 6


def draw(offers: list[Deployment], history: dict[UUID, list[PricePeriod]], now: dt.datetime) -> Chart | None:
    """A chart of blended prices per million tokens, of the offers with the most changes; None where nothing changed."""
    moved = [each for each in offers if len(history.get(each.pk, [])) > 1]
    if not moved:
        return None
    moved.sort(key=lambda each: -len(history[each.pk]))
    moved = moved[:MOST_LINES]
    days = sorted({period.since.date() for each in moved for period in history[each.pk]} | {now.date()})
    return Chart(
        kind="line",
        labels=[day.isoformat() for day in days],
        series=[
            Series(f"{each.provider.name}: {each.upstream_name}", [_on(history[each.pk], day) for day in days])
            for each in moved
        ],
        unit="money",
    )


def _on(periods: list[PricePeriod], day: dt.date) -> Decimal | None:
    for period in periods:
        if period.since.date() <= day and (period.until is None or day < period.until.date()):
            return blended(period.input_per_million, period.output_per_million)
    return None
