"""What tokens cost, to the smallest unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from usage.pricing import cost

prices = st.decimals(min_value=0, max_value=10_000, places=6, allow_nan=False, allow_infinity=False)
tokens = st.integers(min_value=0, max_value=2**31 - 1)


@dataclass
class Unit:
    input_per_million: Decimal
    output_per_million: Decimal
    cached_input_per_million: Decimal | None = None
    cache_write_per_million: Decimal | None = None


def test_input_and_output_are_priced_per_million() -> None:
    assert cost(Unit(Decimal("3"), Decimal("15")), 312, 540) == Decimal("0.009036")


def test_cached_input_has_its_own_price() -> None:
    assert cost(Unit(Decimal("2"), Decimal("0"), Decimal("0.5")), 1000, 0, 400) == Decimal("0.0014")


def test_cached_input_without_a_price_costs_what_input_costs() -> None:
    assert cost(Unit(Decimal("2"), Decimal("0")), 1000, 0, 400) == Decimal("0.002")


def test_a_price_of_nothing_for_the_cache_is_not_a_missing_price() -> None:
    assert cost(Unit(Decimal("2"), Decimal("0"), Decimal("0")), 1000, 0, 1000) == 0


def test_no_more_is_cached_than_was_sent() -> None:
    assert cost(Unit(Decimal("2"), Decimal("0"), Decimal("1")), 10, 0, 999) == Decimal("0.00001")


@given(prices, prices, st.none() | prices, tokens, tokens, tokens)
def test_the_cost_is_exact(
    input_price: Decimal, output_price: Decimal, cached_price: Decimal | None, used: int, made: int, cached: int
) -> None:
    unit = Unit(input_price, output_price, cached_price)
    micro_in, micro_out = int(input_price * 10**6), int(output_price * 10**6)
    micro_cached = micro_in if cached_price is None else int(cached_price * 10**6)
    cached = min(cached, used)
    exact = micro_in * (used - cached) + micro_cached * cached + micro_out * made
    assert int(cost(unit, used, made, cached).scaleb(12)) == exact
