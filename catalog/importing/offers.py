"""Read what providers ask for their models from the installed package `genai-prices`, as of one moment.

Of conditional prices the one in force is taken; of tiered ones the base. What is left out (tiers, batch rates, units
other than text tokens) is kept beside it as notes, so that nothing published is lost.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices import data, types

from catalog.importing import names

SOURCE = f"genai-prices {version('genai-prices')}"
_TEXT_UNITS = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}
_WEBSITES = {"together": "https://www.together.ai", "github-copilot": "https://github.com/features/copilot"}


@dataclass(frozen=True)
class ProviderOffer:
    """A provider as the price list knows it."""

    slug: str
    name: str
    website: str


@dataclass(frozen=True)
class Rate:
    """US dollars per million tokens from `starts_on` on (None: since before the list was kept)."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None
    cache_write: Decimal | None = None
    starts_on: dt.date | None = None


@dataclass(frozen=True)
class Offer:
    """One model at one provider."""

    provider: ProviderOffer
    upstream: str
    named: names.Name
    display_name: str
    description: str
    context_tokens: int | None
    is_deprecated: bool
    rates: list[Rate] = field(default_factory=list)  # in order of time, the last one in force; empty: no token price
    notes: dict[str, Any] = field(default_factory=dict)


def read(now: dt.datetime) -> list[Offer]:
    """Every offer in the price list, with the prices in force at `now`."""
    return [_offer(_provider(each), model, now) for each in data.providers for model in each.models]


def _provider(provider: types.Provider) -> ProviderOffer:
    slug = provider.id.replace("_", "-")
    urls = provider.pricing_urls or []
    return ProviderOffer(slug, provider.name, _WEBSITES.get(slug) or (urls[0] if urls else ""))


def _offer(provider: ProviderOffer, model: types.ModelInfo, now: dt.datetime) -> Offer:
    named = names.read(provider.slug, model.id)
    price = model.get_prices(now)
    is_free = named.offer == "free" or "(free)" in (model.name or "")
    return Offer(
        provider=provider,
        upstream=model.id,
        named=named,
        display_name=model.name or "",
        description=" ".join((model.description or "").split()),
        context_tokens=model.context_window,
        is_deprecated=bool(model.deprecated),
        rates=[Rate(Decimal(0), Decimal(0), None)] if is_free and not _priced(price) else _rates(model, now),
        notes=_notes(model, price, now),
    )


def _rates(model: types.ModelInfo, now: dt.datetime) -> list[Rate]:
    """The rate in force, before it those whose first day the list states."""
    in_force = _rate(model.get_prices(now))
    if in_force is None:
        return []
    dated: list[Rate] = []
    if isinstance(model.prices, list):
        for conditional in model.prices:
            if isinstance(conditional.constraint, types.StartDateConstraint):
                first_day = conditional.constraint.start_date
                rate = _rate(conditional.prices, first_day)
                if rate is not None and first_day <= now.date():
                    dated.append(rate)
    dated.sort(key=lambda rate: rate.starts_on or dt.date.min)
    if dated and (dated[-1].input, dated[-1].output) == (in_force.input, in_force.output):
        return dated
    return [in_force]  # by time of day, or never changed: one price and no known beginning


def _rate(price: types.ModelPrice, starts_on: dt.date | None = None) -> Rate | None:
    published = _priced(price)
    if "input_mtok" not in published and "output_mtok" not in published:
        return None
    cached, written = published.get("cache_read_mtok"), published.get("cache_write_mtok")
    return Rate(
        input=_base(published.get("input_mtok", Decimal(0))),
        output=_base(published.get("output_mtok", Decimal(0))),
        cached_input=None if cached is None else _base(cached),
        cache_write=None if written is None else _base(written),
        starts_on=starts_on,
    )


def _priced(price: types.ModelPrice) -> dict[str, Any]:
    return {unit: value for unit, value in vars(price).items() if value is not None and not unit.startswith("_")}


def _base(value: Decimal | types.TieredPrices) -> Decimal:
    return value.base if isinstance(value, types.TieredPrices) else value


def _notes(model: types.ModelInfo, price: types.ModelPrice, now: dt.datetime) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    published = _priced(price)
    tiers = {unit: _written(value) for unit, value in published.items() if isinstance(value, types.TieredPrices)}
    others = {unit: _written(value) for unit, value in published.items() if unit not in _TEXT_UNITS}
    if tiers:
        notes["tiers"] = tiers
    if others:
        notes["other_units"] = others
    batch = _priced(model.get_prices(now, {"processing": "batch"}))
    if batch != published:
        notes["batch"] = {unit: str(_base(batch[unit])) for unit in batch if unit in _TEXT_UNITS}
    if isinstance(model.prices, list) and any(
        isinstance(each.constraint, types.TimeOfDateConstraint) for each in model.prices
    ):
        notes["by_time_of_day"] = "The provider asks other prices at other hours (UTC); this is the one at import."
    if model.price_comments:
        notes["comment"] = model.price_comments
    return json.loads(json.dumps(notes, sort_keys=True))


def _written(value: Decimal | types.TieredPrices) -> Any:
    if isinstance(value, types.TieredPrices):
        return {
            "base": str(value.base),
            "above": [{"tokens": tier.start, "price": str(tier.price)} for tier in value.tiers],
        }
    return str(value)
