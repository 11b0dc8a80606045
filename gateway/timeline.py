"""When what happened to one call: marks that are taken while it runs, and put together once, for its closing row.

A mark is a number in a slot. Nothing is added up or formatted before the call has ended, and nothing of it is written
with openings and progress, so a call whose process died has none.
"""

from __future__ import annotations

import os
import time
from typing import Any

from gateway.failures import ProviderFailure
from gateway.snapshot import Target
from usage.timing import Attempt, Timing

MOST_ATTEMPTS, MOST_WAITS = 12, 12  # that are kept: the first ones, and the last


class Tried:
    """One deployment that was asked. Moments are those of `time.monotonic`, 0.0: not reached. `failure` is why it was
    left, `span_id` that of its span in OpenTelemetry (empty: it has none of its own)."""

    __slots__ = ("answered_at", "began_at", "ended_at", "failure", "is_fallback", "route", "sent_at", "span_id",
                 "status", "target")  # fmt: skip

    def __init__(self, target: Target, route: str, *, is_fallback: bool) -> None:
        self.target, self.route, self.is_fallback = target, route, is_fallback
        self.began_at = time.monotonic()
        self.sent_at = self.answered_at = self.ended_at = 0.0
        self.failure = ""  # its code, and not it: that would keep all that was asked alive, by its traceback
        self.status: int | None = None  # what the provider answered with, if it did
        self.span_id = ""


class Timeline:
    """Of one call, which began (was admitted) at `began_at`. It came at `came_at`, and was read at `read_at`."""

    __slots__ = ("attempts", "began_at", "came_at", "read_at", "tried", "waits")

    def __init__(self, began_at: float) -> None:
        self.came_at = self.read_at = self.began_at = began_at
        self.attempts = 0
        self.tried: list[Tried] = []
        self.waits: list[tuple[float, float]] = []

    def came(self, came_at: float, read_at: float) -> None:
        """When its request began to arrive, and when it was read."""
        self.came_at, self.read_at = came_at, read_at

    def waited(self, seconds: float) -> None:
        """It has waited for room at a deployment until now."""
        now = time.monotonic()
        if len(self.waits) == MOST_WAITS:
            del self.waits[-1]
        self.waits.append((now - seconds, now))

    def tries(self, target: Target, route: str, *, called: str, has_own_span: bool) -> None:
        """`target` is about to be asked, as one that serves `route`, for a call of `called`."""
        self.attempts += 1
        if len(self.tried) == MOST_ATTEMPTS:
            del self.tried[-1]
        tried = Tried(target, route, is_fallback=route != called)
        if has_own_span:
            tried.span_id = os.urandom(8).hex()
        self.tried.append(tried)

    def is_kept(self) -> None:
        """The opening is as safe as was asked for, and the request goes out now."""
        if self.tried:
            self.tried[-1].sent_at = time.monotonic()

    def answers(self) -> None:
        """The first event of an answer is here."""
        self.tried[-1].answered_at = time.monotonic()

    def ends(self, failure: ProviderFailure | None = None) -> None:
        """The last one that was asked is done with the call: because of `failure`, or with its whole answer."""
        tried = self.tried[-1]
        tried.ended_at = time.monotonic()
        if failure is not None:
            tried.failure, tried.status = failure.code, failure.upstream_status

    def timing(self) -> Timing | None:
        """All of it for the ledger; None where nobody was asked."""
        if not self.tried:
            return None
        began_at, read_at = self.began_at, self.read_at
        return {
            "reading_ms": round((read_at - self.came_at) * 1000),
            "admission_ms": round((began_at - read_at) * 1000),
            "waits": [
                [max(0, round((since - began_at) * 1000)), round((until - began_at) * 1000)]
                for since, until in self.waits
            ],
            "attempts": [_told(each, began_at) for each in self.tried],
        }

    @property
    def fell_back(self) -> bool:
        """Whether the fallback of the route that was called answered, be it in part: the last one that was asked."""
        return bool(self.tried) and self.tried[-1].is_fallback and bool(self.tried[-1].answered_at)

    def ns_at(self, moment: float) -> int:
        """Nanoseconds from when the call began until `moment`."""
        return int((moment - self.began_at) * 1_000_000_000)


def _told(tried: Tried, since: float) -> Attempt:
    """One that was asked, in milliseconds since then."""
    target = tried.target
    told: dict[str, Any] = {
        "deployment": target.id_text,
        "provider": target.provider,
        "upstream_name": target.upstream_name,
        "began_ms": round((tried.began_at - since) * 1000),
    }
    if tried.is_fallback:
        told["fallback"] = tried.route
    if tried.sent_at:
        told["sent_ms"] = round((tried.sent_at - since) * 1000)
    if tried.answered_at:
        told["answered_ms"] = round((tried.answered_at - since) * 1000)
    if tried.ended_at:
        told["ended_ms"] = round((tried.ended_at - since) * 1000)
    if tried.failure:
        told["failure"] = tried.failure
        if tried.status is not None:
            told["status"] = tried.status
    return told  # type: ignore[return-value]  # put together name by name
