"""How long answers took: percentiles over the latest calls, read from the ledger because totals cannot tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from usage.filters import Filters
from usage.period import Period
from usage.scope import Sight

SAMPLE = 2_000


@dataclass(frozen=True)
class Latency:
    """Milliseconds over `calls` answered calls, the latest of the period; None where none has the figure."""

    calls: int
    p50_ms: int | None
    p95_ms: int | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None


def latency(sight: Sight, filters: Filters, period: Period) -> Latency:
    """The percentiles (nearest rank) of the latest answered calls, at most `SAMPLE`. One query."""
    calls = filters.apply(sight.calls()).filter(outcome="ok", started_at__gte=period.start, started_at__lt=period.end)
    found = list(calls.order_by("-started_at", "-id").values_list("duration_ms", "first_token_ms")[:SAMPLE])
    whole = sorted(duration for duration, _ in found)
    first = sorted(token for _, token in found if token is not None)
    return Latency(len(found), rank(whole, 50), rank(whole, 95), rank(first, 50), rank(first, 95))


def rank(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least `percent` per cent of `ordered` do not exceed."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else None
