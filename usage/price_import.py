"""Make the effective prices agree with those a catalog import read, in a few statements.

A price of another source than an import (the platform team set it) stays as it is. A changed price ends today's and
begins a new one; prices with a stated first day become history.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from catalog.changes.telling import Kind, change, is_dearer, tell_all
from catalog.figures import PricedOffer, PricesWritten
from catalog.models import PLATFORM_TEAM, Deployment
from tenants.changes import announce
from usage import list_prices
from usage.models import Price


def write_prices(offers: list[PricedOffer]) -> PricesWritten:
    """Write what changed; belongs inside the import's transaction."""
    now = timezone.now()
    wanted: dict[UUID, list[PricedOffer]] = defaultdict(list)
    for offer in offers:
        wanted[offer.deployment_id].append(offer)
    present = {price.deployment_id: price for price in Price.objects.filter(deployment__in=wanted, valid_until=None)}
    counts: Counter[str] = Counter()
    ended: list[Price] = []
    new: list[Price] = []
    moved: list[tuple[UUID, Price, PricedOffer]] = []
    for deployment_id, rates in wanted.items():
        last = rates[-1]
        price = present.get(deployment_id)
        if price is None:
            new += _history(rates, now)
            counts["added"] += 1
        elif _same(price, last) or _list_of(price.source) != _list_of(last.source):
            counts["unchanged"] += 1
        elif last.source == PLATFORM_TEAM:
            counts["unchanged"] += 1  # a start value of ours never overrides what somebody set since
        else:
            begins = max(_day(last.starts_on) or now, price.valid_from + dt.timedelta(microseconds=1))
            price.valid_until = begins
            ended.append(price)
            new.append(_price(last, begins, None, now))
            moved.append((deployment_id, price, last))
            counts["changed"] += 1
    Price.objects.bulk_update(ended, ["valid_until"], batch_size=1000)
    Price.objects.bulk_create(new, batch_size=1000)
    examples = _tell(moved)
    list_prices.write()
    if new:
        announce("price")
    return PricesWritten(added=counts["added"], changed=counts["changed"], examples=examples)


def _history(rates: list[PricedOffer], now: dt.datetime) -> list[Price]:
    """Prices of a deployment that had none: each begins on its stated day and ends where the next begins."""
    begins = [_day(rate.starts_on) or now for rate in rates]
    ends = [*begins[1:], None]
    return [_price(rate, start, end, now) for rate, start, end in zip(rates, begins, ends, strict=True)]


def _price(rate: PricedOffer, begins: dt.datetime, ends: dt.datetime | None, now: dt.datetime) -> Price:
    return Price(
        deployment_id=rate.deployment_id,
        input_per_million=rate.input_per_million,
        output_per_million=rate.output_per_million,
        cached_input_per_million=rate.cached_input_per_million,
        cache_write_per_million=rate.cache_write_per_million,
        valid_from=begins,
        valid_until=ends,
        source=rate.source,
        set_at=now,
    )


def _same(price: Price, rate: PricedOffer) -> bool:
    return (
        price.input_per_million, price.output_per_million, price.cached_input_per_million,
        price.cache_write_per_million,
    ) == (
        _stored(rate.input_per_million),
        _stored(rate.output_per_million),
        None if rate.cached_input_per_million is None else _stored(rate.cached_input_per_million),
        None if rate.cache_write_per_million is None else _stored(rate.cache_write_per_million),
    )  # fmt: skip


def _list_of(source: str) -> str:
    """A source without its version: a list may change only what it said itself."""
    return source.rpartition(" ")[0] if source[-1:].isdigit() else source


def _stored(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"))


def _day(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), dt.UTC)


def _tell(moved: list[tuple[UUID, Price, PricedOffer]]) -> list[str]:
    """Note each change at its model; returns a few in words."""
    deployments = Deployment.objects.select_related("version__model", "provider").in_bulk([each[0] for each in moved])
    changes = []
    for deployment_id, before, after in moved:
        deployment = deployments[deployment_id]
        changes.append(
            change(
                None,
                deployment.version,
                Kind.PRICE,
                f"price of {deployment.upstream_name} at {deployment.provider.name}",
                _in_words(before),
                _in_words(after),
                after.source,
                matters=is_dearer(before.input_per_million, after.input_per_million)
                or is_dearer(before.output_per_million, after.output_per_million),
            )
        )
    tell_all(changes)
    return [f"{each.what}: {each.before} → {each.after}" for each in changes[:20]]


def _in_words(price: Price | PricedOffer) -> str:
    written = price.cache_write_per_million
    told = f"{price.input_per_million:f} in, {price.output_per_million:f} out"
    return told if written is None else f"{told}, {written:f} written to a cache"
