"""Set what a deployment costs from a moment on, and tell what is in force: of a deployment, of a route."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit.record import record
from catalog import serving
from catalog.changes.telling import Kind, is_dearer, tell
from catalog.figures import LARGEST_PRICE
from catalog.models import Deployment, Route
from refusals.errors import Conflict, Invalid
from tenants.changes import announce
from usage import list_prices
from usage.models import Price


class PriceIsNegative(Invalid):
    code = "price_is_negative"


class PriceIsTooHigh(Invalid):
    code = "price_is_too_high"


class CurrencyNotUnderstood(Invalid):
    code = "currency_not_understood"


class PriceBeginsInThePast(Invalid):
    code = "price_begins_in_the_past"


class PriceStartsTooEarly(Conflict):
    code = "price_starts_too_early"
    title = "A price already begins at that time or later"


PAST_S = 60  # a form takes a moment to be sent
WITHIN = dt.timedelta(days=30)  # how long ago a price may have begun that the lists have not heard of


def in_force(at: dt.datetime | None = None) -> QuerySet[Price]:
    """The prices in force at a moment (now): at most one a deployment."""
    at = at or timezone.now()
    return Price.objects.filter(Q(valid_until=None) | Q(valid_until__gt=at), valid_from__lte=at)


@transaction.atomic
def set_price(
    *,
    deployment: Deployment,
    input_per_million: Decimal,
    output_per_million: Decimal,
    cached_input_per_million: Decimal | None = None,
    cache_write_per_million: Decimal | None = None,
    valid_from: dt.datetime | None = None,
    currency: str = "USD",
    source: str,
    reason: str = "",
    by: Any,
) -> Price:
    """Let `deployment` cost this, per million tokens, from `valid_from` (now) on; the price before it ends there.

    Calls that have begun keep the price they began with, so a price cannot begin in the past: the pages would tell
    another price than was billed. Setting the price that is already in force changes nothing.
    Raises `PriceIsNegative`, `PriceIsTooHigh`, `CurrencyNotUnderstood`, `PriceStartsTooEarly` and
    `PriceBeginsInThePast`.
    """
    for field, amount in (
        ("input_per_million", input_per_million),
        ("output_per_million", output_per_million),
        ("cached_input_per_million", cached_input_per_million),
        ("cache_write_per_million", cache_write_per_million),
    ):
        if amount is not None and not (amount.is_finite() and amount >= 0):
            raise PriceIsNegative("A price is zero or more.", field=field)
        if amount is not None and amount > LARGEST_PRICE:
            raise PriceIsTooHigh("A price is less than 1,000,000 per million tokens.", field=field)
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise CurrencyNotUnderstood("A currency has three capital letters, such as USD (ISO 4217).", field="currency")
    Deployment.objects.select_for_update().get(pk=deployment.pk)
    now = timezone.now()
    begins = valid_from or now
    last = Price.objects.filter(deployment=deployment, valid_until=None).first()
    if last is not None:
        if (
            last.input_per_million, last.output_per_million, last.cached_input_per_million,
            last.cache_write_per_million, last.currency, last.source,
        ) == (
            input_per_million, output_per_million, cached_input_per_million, cache_write_per_million, currency, source,
        ) and last.valid_from <= begins:  # fmt: skip
            return last
        if last.valid_from >= begins:
            raise PriceStartsTooEarly(
                f"The last price of {deployment} begins at {last.valid_from:%Y-%m-%d %H:%M} UTC. Choose a later time.",
                field="valid_from",
            )
    if (now - begins).total_seconds() > PAST_S:
        raise PriceBeginsInThePast(
            "This is in the past: calls since then were billed at the price of their time. Choose now or later.",
            field="valid_from",
        )
    begins = max(begins, now)
    if last is not None:
        last.valid_until = begins
        last.save(update_fields=["valid_until"])
    price = Price.objects.create(
        deployment=deployment,
        input_per_million=input_per_million,
        output_per_million=output_per_million,
        cached_input_per_million=cached_input_per_million,
        cache_write_per_million=cache_write_per_million,
        currency=currency,
        valid_from=begins,
        source=source,
    )
    list_prices.write([deployment.version.model_id], at=now)
    if last is not None:
        _tell(deployment, last, price)
    record(
        "price.set",
        by=by,
        subject=price,
        deployment=str(deployment),
        input_per_million=str(input_per_million),
        output_per_million=str(output_per_million),
        cached_input_per_million=None if cached_input_per_million is None else str(cached_input_per_million),
        cache_write_per_million=None if cache_write_per_million is None else str(cache_write_per_million),
        currency=price.currency,
        valid_from=begins.isoformat(),
        source=source,
        reason=reason,
    )
    announce("price")
    return price


def bring_to_lists(*, at: dt.datetime | None = None) -> int:
    """Write prices that have begun since they were set onto the rows of their models; returns how many changed."""
    at = at or timezone.now()
    begun = in_force(at).filter(valid_from__gt=F("set_at"), valid_from__gte=at - WITHIN)
    return list_prices.write(set(begun.values_list("deployment__version__model", flat=True)), at=at)


def of_routes(routes: Iterable[Route], *, at: dt.datetime | None = None) -> dict[Any, Price]:
    """The price that a call of each route begins with, by the route's key: that of the deployment tried first."""
    targets = serving.first_targets(routes)
    by_deployment = {price.deployment_id: price for price in in_force(at).filter(deployment__in=targets.values())}
    return {route: by_deployment[deployment] for route, deployment in targets.items() if deployment in by_deployment}


def _tell(deployment: Deployment, before: Price, after: Price) -> None:
    """Note the change at the model version; it matters where it became much dearer, or is said in other money."""
    is_other_money = before.currency != after.currency
    tell(
        version=deployment.version,
        kind=Kind.PRICE,
        what=f"price of {deployment.upstream_name} at {deployment.provider.name} from {after.valid_from:%Y-%m-%d} on",
        before=_in_words(before),
        after=_in_words(after),
        source=after.source,
        matters=is_other_money
        or is_dearer(before.input_per_million, after.input_per_million)
        or is_dearer(before.output_per_million, after.output_per_million),
    )


def _in_words(price: Price) -> str:
    return f"{price.input_per_million:f} in, {price.output_per_million:f} out {price.currency}"
