"""Who may set prices: asked by permission, in one place."""

from __future__ import annotations

from typing import Any

from refusals.errors import Forbidden

MANAGE_PRICES = "usage.manage_prices"


def require_price_setter(person: Any) -> None:
    """Raise `Forbidden` unless `person` may set prices."""
    if not person.has_perm(MANAGE_PRICES):
        raise Forbidden(
            "This needs the permission “Set prices”. FinOps and the platform team have it.", permission=MANAGE_PRICES
        )
