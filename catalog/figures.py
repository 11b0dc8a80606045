"""Figures about models that a floor above keeps: prices over time, what was used. The catalog asks, `usage` answers.

`usage` registers an object with these methods in its `apps.py`. Without it the catalog works and shows no figures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from catalog.models import Deployment, Model
from tenants.models import User

# Beyond it somebody wrote a price a token, or cents. The dearest model of any list costs less than 1,000 a million.
LARGEST_PRICE = Decimal("999999.999999")


@dataclass(frozen=True)
class PricedOffer:
    """US dollars per million tokens of a deployment, from `starts_on` on (None: from now on)."""

    deployment_id: UUID
    input_per_million: Decimal
    output_per_million: Decimal
    cached_input_per_million: Decimal | None
    cache_write_per_million: Decimal | None
    starts_on: dt.date | None
    source: str


@dataclass(frozen=True)
class PricePeriod:
    """A price and how long it was in force; `until` None: still."""

    since: dt.datetime
    until: dt.datetime | None
    input_per_million: Decimal
    output_per_million: Decimal
    cached_input_per_million: Decimal | None
    cache_write_per_million: Decimal | None
    currency: str
    source: str

    def holds_at(self, at: dt.datetime) -> bool:
        """Whether this is the price in force at `at`; one may be set to begin later."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Volume:
    """What somebody's tenants used of a model in the last 30 days."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal
    currency: str = "USD"


@dataclass(frozen=True)
class PricesWritten:
    """What an import changed of prices."""

    added: int = 0
    changed: int = 0
    examples: list[str] = field(default_factory=list)


class Figures(Protocol):
    """What the floor above answers and does."""

    def write_offers(self, offers: list[PricedOffer]) -> PricesWritten: ...

    def set_price(
        self, *, deployment: Deployment, input_per_million: Decimal, output_per_million: Decimal, source: str, by: Any
    ) -> None: ...

    def update_list_prices(self, models: Iterable[Any] | None) -> None: ...

    def price_history(self, deployments: Sequence[Deployment]) -> dict[UUID, list[PricePeriod]]: ...

    def volume(self, viewer: User, model: Model) -> Volume | None: ...

    def recent_calls(self) -> dict[str, int]: ...


_registered: list[Figures] = []


def register(figures: Figures) -> None:
    """Let `figures` answer from now on."""
    _registered[:] = [figures]


def write_offers(offers: list[PricedOffer]) -> PricesWritten:
    """Make the effective prices agree with what an import read."""
    return _registered[0].write_offers(offers) if _registered else PricesWritten()


def set_price(
    *, deployment: Deployment, input_per_million: Decimal, output_per_million: Decimal, source: str, by: Any
) -> None:
    """Set what `deployment` costs from now on, per million tokens."""
    if _registered:
        _registered[0].set_price(
            deployment=deployment,
            input_per_million=input_per_million,
            output_per_million=output_per_million,
            source=source,
            by=by,
        )


def update_list_prices(models: Iterable[Any] | None = None) -> None:
    """What serves `models` (keys; None: all) may have changed: their rows carry what a call costs now."""
    if _registered:
        _registered[0].update_list_prices(models)


def price_history(deployments: Sequence[Deployment]) -> dict[UUID, list[PricePeriod]]:
    """The prices of each deployment, the latest first; some may begin later."""
    return _registered[0].price_history(deployments) if _registered else {}


def volume(viewer: User, model: Model) -> Volume | None:
    """What the tenants whose usage `viewer` may see used of `model` in the last 30 days; None when nothing."""
    return _registered[0].volume(viewer, model) if _registered else None


def recent_calls() -> dict[str, int]:
    """Calls of the last 30 days by the slug of a route."""
    return _registered[0].recent_calls() if _registered else {}
