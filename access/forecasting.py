"""What an access request would be used for and cost, in the requester's volume and the price of today.

It is an estimate and says on what it rests: the length of earlier calls where there were any, else a stated example.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet, Sum
from django.utils import timezone

from approvals.models import Request
from approvals.subjects import Evidence
from catalog.models import Route
from ui.formatting import money
from usage.models import PlatformRollup, Price, Rollup
from usage.pricing import cost

DAYS_A_MONTH = 30
RECENT = dt.timedelta(days=30)
EXAMPLE_INPUT_TOKENS, EXAMPLE_OUTPUT_TOKENS = 1000, 300


@dataclass(frozen=True)
class Typical:
    """A typical call: tokens in and out, and where that is from."""

    input_tokens: int
    output_tokens: int
    source: str


def forecast(request: Request) -> list[Evidence]:
    """Expected volume and cost a month; only what the requester stated and the price list knows."""
    route = Route.objects.filter(pk=request.subject_key.partition(":")[2]).first()
    calls = request.facts.get("expected_calls_per_day")
    if route is None or not calls:
        return [Evidence("Expected calls", "not stated, so nothing can be forecast", "Requester")]
    volume = Evidence("Expected calls", f"{calls:,} a day", "Requester")
    price = Price.objects.filter(deployment__targets__route=route, valid_until=None)
    first = price.select_related("deployment__provider").order_by("deployment__targets__priority").first()
    if first is None:
        return [volume, Evidence("Cost forecast", "no price is set, so calls would not be charged", "Price list")]
    typical = _typical(request, route)
    month = cost(first, typical.input_tokens, typical.output_tokens) * calls * DAYS_A_MONTH
    words = f"about {money(month, first.currency)} a month"
    source = (
        f"{calls:,} calls × {DAYS_A_MONTH} days × {typical.input_tokens:,} tokens in and {typical.output_tokens:,} out"
        f" ({typical.source}), at the price of {first.deployment.provider} today"
    )
    return [volume, Evidence("Cost forecast", words, source)]


def _typical(request: Request, route: Route) -> Typical:
    since = timezone.now().date() - RECENT
    here = Rollup.objects.filter(environment=request.environment, route=route.slug, day__gte=since)
    everywhere = PlatformRollup.objects.daily().filter(dimension="route", value=route.slug, day__gte=since)
    return (
        _mean(here, "calls of this environment")
        or _mean(everywhere, "calls to this route, of everybody")
        or Typical(EXAMPLE_INPUT_TOKENS, EXAMPLE_OUTPUT_TOKENS, "an example, as nobody called it in 30 days")
    )


def _mean(rows: QuerySet[Rollup] | QuerySet[PlatformRollup], of: str) -> Typical | None:
    told = rows.order_by().aggregate(calls=Sum("calls"), read=Sum("input_tokens"), written=Sum("output_tokens"))
    calls = told["calls"] or 0
    if not calls:
        return None
    source = f"the mean of {calls:,} {of} in 30 days"
    return Typical(round(Decimal(told["read"]) / calls), round(Decimal(told["written"]) / calls), source)
