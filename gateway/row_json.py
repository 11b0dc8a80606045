"""The row of a call in the JSON of the journal, in the columns of `usage.calls.CallRecord`.

Two are written a call. Most of a row is the same for all calls of a caller at a deployment, so that part is made once.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from django.conf import settings

from gateway.caller import Caller
from gateway.snapshot import Grant, Place, Route, Target, UnitPrice
from usage.calls import LONGEST_TEXT, as_row, fitting

if TYPE_CHECKING:
    from gateway.metering import CallSummary

MOST_KEPT = 8192  # parts; beyond that all are made anew
INTERRUPTED = "The gateway's process ended in the middle of this call."
# What is so of every call when it is opened: its row says it if nobody lives to tell the end.
OPENED = {
    "outcome": "interrupted", "status": 500, "error_code": "interrupted", "error_message": INTERRUPTED,
    "finish_reason": "", "first_token_ms": None, "usage_source": "counted", "output_tokens": 0,
    "cached_input_tokens": 0, "reasoning_tokens": 0, "cache_write_tokens": 0,
}  # fmt: skip


class Shared(NamedTuple):
    """What a call's row has in common with others: by whom, for what, where it was sent and at which price."""

    caller: Caller
    place: Place
    route: Route
    target: Target | None
    grant: Grant
    price: UnitPrice | None
    is_streamed: bool

    def columns(self) -> dict[str, Any]:
        """Its columns, as `usage.calls.as_row` makes them."""
        caller = self.caller
        return as_row(
            {
                "tenant_id": caller.tenant_id,
                "project_id": caller.project_id,
                "environment_id": caller.environment_id,
                "key_prefix": caller.key_prefix,
                "key_name": caller.key_name,
                "user_id": caller.user_id,
                "user_label": caller.user_label,
                "origin": caller.origin,
                "route": self.route.slug,
                **self.place_of_answer(),
                "is_streamed": self.is_streamed,
                "is_demonstration": self.place.is_demonstration,
            }
        )

    def place_of_answer(self) -> dict[str, Any]:
        """Those that are others when the call is sent elsewhere."""
        target, price = self.target, self.price
        return {
            "model_slug": target.model_slug if target else self.route.model_slug,
            "provider": target.provider if target else "",
            "upstream_name": target.upstream_name if target else "",
            "grant_id": self.grant.id,
            "decision_id": self.grant.decision_id,
            "price_id": price.id if price else None,
            "input_per_million": price.input_per_million if price else None,
            "output_per_million": price.output_per_million if price else None,
            "cached_input_per_million": price.cached_input_per_million if price else None,
            "cache_write_per_million": price.cache_write_per_million if price else None,
            "currency": price.currency if price else settings.CURRENCY,
        }


class Beginning(NamedTuple):
    """The part of a row that is made once: as JSON that goes on with the call's own columns, the same with what is so
    when it is `opened`; and those of its columns that change when the call is sent elsewhere."""

    json: bytes
    opened: bytes
    where: dict[str, Any]

    def row(self, own: dict[str, Any]) -> bytes:
        """The whole row."""
        return self.json + orjson.dumps(own)[1:]

    def opening(self, own: dict[str, Any]) -> bytes:
        """The row of an interrupted call that has used nothing but its prompt, with what of it is the call's own."""
        return self.opened + orjson.dumps(own)[1:]


_kept: dict[tuple[int | bool, ...], tuple[Shared, Beginning]] = {}  # by who each part is, whom `Shared` keeps alive


def beginning(shared: Shared) -> Beginning:
    """The beginning of a row. Callers, deployments, grants and prices are the same objects as long as a snapshot has
    them unchanged."""
    caller, place, route, target, grant, price, is_streamed = shared
    key = (id(caller), id(place), id(route), id(target), id(grant), id(price), is_streamed)
    found = _kept.get(key)
    if found is None:
        columns = shared.columns()
        opened = orjson.dumps(columns | OPENED)
        found = (
            shared,
            Beginning(orjson.dumps(columns)[:-1] + b",", opened[:-1] + b",", as_row(shared.place_of_answer())),
        )
        if caller.key_prefix:  # a person calls as somebody new each time
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = found
    return found[1]


def own_columns(
    row_id: str, request_id: str, trace_id: str, started_at: dt.datetime, account: CallSummary
) -> dict[str, Any]:
    """The columns of a row that are one call's alone."""
    return {
        "id": row_id,
        "request_id": request_id,
        "trace_id": trace_id,
        "outcome": account.outcome,
        "status": account.status,
        "error_code": account.error_code,
        "error_message": account.error_message and fitting(account.error_message, LONGEST_TEXT["error_message"]),
        "finish_reason": account.finish_reason and fitting(account.finish_reason, LONGEST_TEXT["finish_reason"]),
        "started_at": started_at.isoformat(),
        "first_token_ms": account.first_token_ms,
        "waited_ms": account.waited_ms,
        "duration_ms": account.duration_ms,
        "usage_source": account.usage_source,
        "cost": None if account.cost is None else format(account.cost, "f"),
        "input_tokens": account.input_tokens,
        "output_tokens": account.output_tokens,
        "cached_input_tokens": account.cached_input_tokens,
        "reasoning_tokens": account.reasoning_tokens,
        "cache_write_tokens": account.cache_write_tokens,
    }
