"""What tokens cost: one exact formula, used when a call ends, when it is recovered and when a page spells it out."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol


class UnitPrices(Protocol):
    """Prices per million tokens in one currency; cached input without a price of its own costs what input costs."""

    @property
    def input_per_million(self) -> Decimal: ...

    @property
    def output_per_million(self) -> Decimal: ...

    @property
    def cached_input_per_million(self) -> Decimal | None: ...


def cost(
    price: UnitPrices,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
) -> Decimal:
    """The cost in the price's currency, exact to 12 decimals (a price has 6, a millionth of it 6 more).

    `input_tokens` counts all of the input; `cached_input_tokens` of them are priced as cached.
    """
    cached = min(max(cached_input_tokens, 0), max(input_tokens, 0))
    cached_price = price.input_per_million if price.cached_input_per_million is None else price.cached_input_per_million
    millionths = (
        price.input_per_million * (max(input_tokens, 0) - cached)
        + cached_price * cached
        + price.output_per_million * max(output_tokens, 0)
    )
    return millionths.scaleb(-6)
