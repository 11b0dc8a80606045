"""Who decides on prices: the platform, as one price holds for every tenant."""

from __future__ import annotations

from approvals.delegation.capabilities import Capability
from approvals.delegation.tables import Mode

CAPABILITY = Capability(
    slug="prices",
    name="Prices",
    sentence="What a million tokens of a deployment cost.",
    means={Mode.PLATFORM: "FinOps and the platform team set prices, and each says why on the record."},
    default=Mode.PLATFORM,
    lacks="One price holds for every tenant, so no tenant can decide on it.",
    order=60,
)
