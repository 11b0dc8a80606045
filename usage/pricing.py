"""What tokens cost: one exact formula, used when a call ends, when it is recovered and when a page spells it out."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol


class UnitPrices(Protocol):
    """Prices per million tokens in one currency; input that is read from a provider's cache, or written to it, costs
    what input costs where it has no price of its own."""

    @property
    def input_per_million(self) -> Decimal: ...

    @property
    def output_per_million(self) -> Decimal: ...

    @property
    def cached_input_per_million(self) -> Decimal | None: ...

    @property
    def cache_write_per_million(self) -> Decimal | None: ...


def cost(
    price: UnitPrices,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
    cache_write_tokens: int = 0,
) -> Decimal:
    """The cost in the price's currency, exact to 12 decimals (a price has 6, a millionth of it 6 more).

    `input_tokens` counts all of the input; `cached_input_tokens` of them were read from a cache, and
    `cache_write_tokens` of the others written to one.
    """
    if not cached_input_tokens and not cache_write_tokens and input_tokens >= 0 and output_tokens >= 0:
        return (price.input_per_million * input_tokens + price.output_per_million * output_tokens).scaleb(-6)
    whole = max(input_tokens, 0)
    cached = min(max(cached_input_tokens, 0), whole)
    written = min(max(cache_write_tokens, 0), whole - cached)
    millionths = (
        price.input_per_million * (whole - cached - written)
        + or_input(price, price.cached_input_per_million) * cached
        + or_input(price, price.cache_write_per_million) * written
        + price.output_per_million * max(output_tokens, 0)
    )
    return millionths.scaleb(-6)


def or_input(price: UnitPrices, own: Decimal | None) -> Decimal:
    """A price of some of the input, where it has one of its `own`."""
    return price.input_per_million if own is None else own
