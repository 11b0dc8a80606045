"""One call as it is handed to the ledger: a record with the columns of `usage.models.Call`, needing no database.

The journal carries it as JSON (`as_row`), `usage.ledger` writes it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any

from usage.timing import Timing

LARGEST_COUNT = 2_147_483_647  # what a PositiveIntegerField holds
LONGEST_TEXT = {
    "key_prefix": 40, "key_name": 80, "user_label": 150, "origin": 10, "route": 120, "model_slug": 160, "provider": 80,
    "upstream_name": 200, "request_id": 64, "outcome": 12, "error_code": 60, "error_message": 500,
    "finish_reason": 30, "usage_source": 10, "currency": 3,
}  # fmt: skip
COUNTS = (
    "first_token_ms",
    "duration_ms",
    "waited_ms",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
)


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """A call that has ended. Times are UTC, durations milliseconds, prices per million tokens, `cost` in `currency`.

    `cost` None says that no price was known. Tokens of the input include those read from a cache and those
    written to one, tokens of the output the ones spent on reasoning. The last three are of a call that has ended.
    """

    id: uuid.UUID
    tenant_id: uuid.UUID
    project_id: uuid.UUID
    environment_id: uuid.UUID
    origin: str
    route: str
    model_slug: str
    provider: str
    upstream_name: str
    request_id: str
    trace_id: uuid.UUID | None = None
    outcome: str
    status: int
    started_at: dt.datetime
    duration_ms: int
    usage_source: str
    key_prefix: str = ""
    key_name: str = ""
    user_id: uuid.UUID | None = None
    user_label: str = ""
    grant_id: uuid.UUID | None = None
    decision_id: uuid.UUID | None = None
    error_code: str = ""
    error_message: str = ""
    finish_reason: str = ""
    is_streamed: bool = False
    first_token_ms: int | None = None
    waited_ms: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    price_id: uuid.UUID | None = None
    input_per_million: Decimal | None = None
    output_per_million: Decimal | None = None
    cached_input_per_million: Decimal | None = None
    cache_write_per_million: Decimal | None = None
    cost: Decimal | None = None
    currency: str = "USD"
    is_demonstration: bool = False
    timing: Timing | None = None
    attempts: int | None = None
    fell_back: bool | None = None

    def row(self) -> dict[str, Any]:
        """The columns as `as_row` makes them."""
        return as_row(dict(zip(self.__slots__, _values(self), strict=True)))


_values = attrgetter(*CallRecord.__slots__)


def as_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of a record as values that JSON can hold, texts cut to their columns and freed of what Postgres refuses,
    counts bounded by what their columns hold."""
    row: dict[str, Any] = {}
    for name, value in columns.items():
        match value:
            case str():
                row[name] = fitting(value, LONGEST_TEXT[name])
            case uuid.UUID():
                row[name] = str(value)
            case Decimal():
                row[name] = format(value, "f")
            case dt.datetime():
                row[name] = value.isoformat()
            case int() if name in COUNTS:
                row[name] = min(max(value, 0), LARGEST_COUNT)
            case _:
                row[name] = value
    return row


def fitting(value: str, longest: int) -> str:
    """Cut to `longest` characters; a null character or half a surrogate pair cannot be stored as text."""
    if not value.isascii() or "\0" in value:
        value = value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    return value[:longest]
