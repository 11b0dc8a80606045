"""What the volume that a team expects would cost a month, at the prices of today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from access.forecasting import DAYS_A_MONTH
from catalog.models import Route
from usage.models import Price
from usage.pricing import cost


@dataclass(frozen=True)
class Line:
    """One route: calls a day and what they cost a month in `currency`; None where no price is set."""

    route: str
    calls_per_day: int
    month: Decimal | None
    currency: str
    source: str


@dataclass(frozen=True)
class Estimate:
    """The lines, and the sum for each currency."""

    lines: list[Line]
    sums: list[tuple[str, Decimal]]


def estimate(answers: Mapping[str, Any]) -> Estimate | None:
    """The estimate for the page of volumes; None before it is answered, or when no model was chosen."""
    volume = answers.get("volume")
    if not volume or not volume["calls_per_day"]:
        return None
    slugs = list(volume["calls_per_day"])
    prices = _prices(slugs)
    lines, sums = [], dict[str, Decimal]()
    for slug in slugs:
        calls, price = volume["calls_per_day"][slug], prices.get(slug)
        if price is None:
            lines.append(Line(slug, calls, None, "", "no price is set, so calls would not be charged"))
            continue
        month = cost(price, volume["input_tokens"], volume["output_tokens"]) * calls * DAYS_A_MONTH
        sums[price.currency] = sums.get(price.currency, Decimal()) + month
        lines.append(Line(slug, calls, month, price.currency, f"at the price of {price.deployment.provider} today"))
    return Estimate(lines, sorted(sums.items()))


def _prices(slugs: list[str]) -> dict[str, Price]:
    """The price in force of the first deployment of each route."""
    rows = Price.objects.filter(deployment__targets__route__slug__in=slugs, valid_until=None)
    ordered = rows.order_by("-deployment__targets__priority").select_related("deployment__provider")
    by_deployment = {price.deployment_id: price for price in ordered}
    found: dict[str, Price] = {}
    for route in Route.objects.filter(slug__in=slugs).prefetch_related("targets"):
        for target in sorted(route.targets.all(), key=lambda target: target.priority):
            if target.deployment_id in by_deployment:
                found[route.slug] = by_deployment[target.deployment_id]
                break
    return found
