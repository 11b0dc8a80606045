"""Answer what the catalog asks of `usage`: prices over time, what was used, how much each route is called.

Registered with `catalog.figures` in `usage.apps`, because the catalog stands a floor below and may not ask by itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from catalog.figures import PricedOffer, PricePeriod, PricesWritten, Volume
from catalog.models import Deployment, Model
from tenants.models import User
from tenants.scoping import visible
from usage import list_prices, price_import, prices
from usage.models import PlatformRollup, Price, Rollup

_RECENT = dt.timedelta(days=30)


def write_offers(offers: list[PricedOffer]) -> PricesWritten:
    """Make the effective prices agree with what an import read."""
    return price_import.write_prices(offers)


def set_price(
    *, deployment: Deployment, input_per_million: Decimal, output_per_million: Decimal, source: str, by: Any
) -> None:
    """Set what `deployment` costs from now on."""
    prices.set_price(
        deployment=deployment,
        input_per_million=input_per_million,
        output_per_million=output_per_million,
        source=source,
        by=by,
    )


def update_list_prices(models: Iterable[Any] | None) -> None:
    """Write what a call would be charged onto the rows of `models` (keys; None: of all)."""
    list_prices.write(models)


def price_history(deployments: Sequence[Deployment]) -> dict[UUID, list[PricePeriod]]:
    """The prices of each deployment, the latest first."""
    found: dict[UUID, list[PricePeriod]] = defaultdict(list)
    for price in Price.objects.filter(deployment__in=deployments).order_by("-valid_from"):
        found[price.deployment_id].append(
            PricePeriod(
                since=price.valid_from,
                until=price.valid_until,
                input_per_million=price.input_per_million,
                output_per_million=price.output_per_million,
                cached_input_per_million=price.cached_input_per_million,
                cache_write_per_million=price.cache_write_per_million,
                currency=price.currency,
                source=price.source,
            )
        )
    return dict(found)


def volume(viewer: User, model: Model) -> Volume | None:
    """What the tenants whose usage `viewer` may see used of `model` in the last 30 days; None when nothing."""
    routes = [route.slug for route in model.routes.all()]
    rows = Rollup.objects.filter(route__in=routes, day__gte=timezone.now().date() - _RECENT)
    told = visible(viewer, rows, "tenants.view_usage").aggregate(
        calls=Sum("calls"), read=Sum("input_tokens"), written=Sum("output_tokens"), cost=Sum("cost")
    )
    if not told["calls"]:
        return None
    return Volume(told["calls"], told["read"], told["written"], told["cost"])


def recent_calls() -> dict[str, int]:
    """Calls of the last 30 days by route, of everybody: what lists sort by, without telling whose they are."""
    rows = PlatformRollup.objects.daily().filter(dimension="route", day__gte=timezone.now().date() - _RECENT).order_by()
    return dict(rows.values_list("value").annotate(total=Sum("calls")))
