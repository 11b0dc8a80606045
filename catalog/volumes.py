"""Work out what a volume of tokens would cost with each offer of a model."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.http import QueryDict

from catalog.figures import PricePeriod, Volume
from catalog.models import Deployment

_MILLION = Decimal(1_000_000)
_MOST = 10**15


@dataclass(frozen=True)
class Asked:
    """Tokens a month. `is_own`: taken from what the viewer's tenants used."""

    input_tokens: int
    output_tokens: int
    is_own: bool


@dataclass(frozen=True)
class Cost:
    """What the volume costs with one offer; `times` of the cheapest."""

    deployment: Deployment
    price: PricePeriod
    cost: Decimal
    times: Decimal


def read(query: QueryDict, own: Volume | None) -> Asked:
    """The volume in the address, else the viewer's own, else an example of a million words in and a tenth out."""
    read_in, written = _number(query.get("in", "")), _number(query.get("out", ""))
    if read_in is not None or written is not None:
        return Asked(read_in or 0, written or 0, is_own=False)
    if own is not None:
        return Asked(own.input_tokens, own.output_tokens, is_own=True)
    return Asked(1_000_000, 100_000, is_own=False)


def _number(text: str) -> int | None:
    digits = text.replace(",", "").replace("_", "").replace(" ", "")
    return min(int(digits), _MOST) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def costs(asked: Asked, prices: list[tuple[Deployment, PricePeriod]]) -> list[Cost]:
    """The cost of `asked` with each offer, the cheapest first."""
    found = [
        (
            (price.input_per_million * asked.input_tokens + price.output_per_million * asked.output_tokens) / _MILLION,
            deployment,
            price,
        )
        for deployment, price in prices
    ]
    found.sort(key=lambda each: (each[0], each[1].provider.name))
    cheapest = next((cost for cost, _, _ in found if cost), Decimal(0))
    return [
        Cost(deployment, price, cost, cost / cheapest if cheapest else Decimal(1)) for cost, deployment, price in found
    ]
