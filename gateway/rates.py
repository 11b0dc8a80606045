"""Hold calls to limits: requests and tokens in any 60 seconds, and calls at once, at every place around the caller.

Counted in memory; what other processes counted is added as they tell it (`gateway.sharing`). A call is counted at all
its places or at none. Tokens are counted as far as they are known beforehand, and corrected when the call has ended.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from gateway.snapshot import Bounds
from gateway.windows import SPAN_S, Window
from refusals import Refusal

REQUESTS, TOKENS, CONCURRENT = "requests", "tokens", "concurrent"
FORGET_EVERY_S = 60
SILENT_AFTER_S = 15.0  # a process that has told nothing for so long has no calls under way any more


class RateLimited(Refusal):
    """Too much in the last minute, or too many at once. It heals by itself: `retry_after_s`."""

    code = "rate_limit_exceeded"
    status = 429
    title = "Too many calls"


class LargerThanLimit(Refusal):
    """No waiting helps: the call alone is more than a minute allows."""

    code = "tokens_over_limit"
    status = 400
    title = "This call is larger than the limit"


@dataclass(frozen=True, slots=True)
class Headroom:
    """The tightest limit of one metric: how much it is, what is left of it, and in how many seconds it is whole."""

    limit: int
    remaining: int
    reset_s: int


@dataclass(slots=True)
class Taken:
    """What one call was counted as: given back or corrected by `Rates.settle`."""

    places: tuple[UUID, ...]
    second: int
    tokens: int
    headroom: dict[str, Headroom] = field(default_factory=dict)


class Rates:
    """The counts of one event loop. `on_change` is called when there is something that others should be told."""

    def __init__(
        self, on_change: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._windows: dict[tuple[UUID, str], Window] = {}
        self._running: dict[UUID, int] = defaultdict(int)
        self._elsewhere: dict[str, tuple[float, dict[UUID, int]]] = {}  # calls at once, by process, and when it said so
        self._untold: dict[tuple[UUID, str], int] = defaultdict(int)
        self._forgotten = 0

    def take(self, places: tuple[UUID, ...], bounds: Mapping[UUID, Bounds], tokens: int) -> Taken:
        """Count a call of about `tokens` at those of `places` that `bounds` limits. Raises `RateLimited`."""
        now = self._now()
        held = [(place, bounds[place]) for place in places if place in bounds]
        for place, bound in held:
            self._check(place, bound, tokens, now)
        for place, bound in held:
            if bound.requests is not None:
                self._count(place, REQUESTS, now, now, 1)
            if bound.tokens is not None:
                self._count(place, TOKENS, now, now, tokens)
            self._running[place] += 1
        if held:
            self._on_change()
        return Taken(tuple(place for place, _ in held), now, tokens, self._headroom(held, now))

    def settle(self, taken: Taken, tokens: int) -> None:
        """The call has ended and used `tokens`."""
        now = self._now()
        for place in taken.places:
            self._running[place] -= 1
            if self._running[place] <= 0:
                del self._running[place]
            if (place, TOKENS) in self._windows and tokens != taken.tokens:
                is_recent = now - taken.second <= SPAN_S
                more = tokens - taken.tokens
                if is_recent or more > 0:
                    self._count(place, TOKENS, now, taken.second if is_recent else now, more)
        if taken.places:
            self._on_change()

    def undo(self, taken: Taken) -> None:
        """The call was refused for another reason: it is not counted at all."""
        for place in taken.places:
            if (place, REQUESTS) in self._windows:
                self._count(place, REQUESTS, self._now(), taken.second, -1)
        self.settle(taken, 0)

    # --- what processes tell each other ------------------------------------------------------------------------------

    def untold(self) -> tuple[dict[tuple[UUID, str], int], dict[UUID, int]]:
        """What was counted here since this was last asked, and how many calls run now."""
        counted, self._untold = dict(self._untold), defaultdict(int)
        return {key: count for key, count in counted.items() if count}, dict(self._running)

    def whole(self) -> dict[tuple[UUID, str], list[tuple[int, int]]]:
        """Everything that counts here, for a process that has just begun."""
        now = self._now()
        told = {key: window.at(now).told() for key, window in self._windows.items()}
        return {key: pairs for key, pairs in told.items() if pairs}

    def heard(self, place: UUID, metric: str, count: int) -> None:
        """Another process counted."""
        now = self._now()
        self._window(place, metric, now).add(now, count)

    def heard_whole(self, place: UUID, metric: str, told: list[tuple[int, int]]) -> None:
        """All that another process knows of, when this one has just begun: taken where nothing is known here."""
        now = self._now()
        window = self._window(place, metric, now)
        if sum(count for _, count in told) > window.used:
            fresh = self._windows[place, metric] = Window(now)
            fresh.take_over(told)

    def heard_running(self, process: str, running: dict[UUID, int]) -> None:
        """How many calls another process has under way at some places."""
        _, known = self._elsewhere.get(process, (0.0, {}))
        now_running = {place: count for place, count in (known | running).items() if count}
        self._elsewhere[process] = (self._clock(), now_running)

    def forget(self, process: str) -> None:
        """Another process has ended."""
        self._elsewhere.pop(process, None)

    # --- within ------------------------------------------------------------------------------------------------------

    def _check(self, place: UUID, bound: Bounds, tokens: int, now: int) -> None:
        if bound.concurrent is not None and (running := self._at_once(place)) >= bound.concurrent:
            raise self._refusal(bound, CONCURRENT, bound.concurrent, "calls at once", f"{running:,} are under way", 1)
        if bound.requests is not None:
            window = self._window(place, REQUESTS, now)
            if window.used >= bound.requests:
                wait_s = window.wait_s(bound.requests - 1)
                raise self._refusal(bound, REQUESTS, bound.requests, "requests a minute", "they are used up", wait_s)
        if bound.tokens is not None and tokens:
            if tokens > bound.tokens:
                raise LargerThanLimit(
                    f"This call may need {tokens:,} tokens, and {bound.words} may use {bound.tokens:,} a minute. Send "
                    "a shorter prompt, or ask for fewer tokens of answer (max_tokens).",
                    way_out=bound.page,
                )
            window = self._window(place, TOKENS, now)
            if window.used + tokens > bound.tokens:
                wait_s = window.wait_s(bound.tokens - tokens)
                said = f"{window.used:,} are used and this call may need {tokens:,}"
                raise self._refusal(bound, TOKENS, bound.tokens, "tokens a minute", said, wait_s)

    def _refusal(self, bound: Bounds, metric: str, limit: int, unit: str, said: str, wait_s: int) -> RateLimited:
        wait_s = max(1, wait_s)
        return RateLimited(
            f"{bound.subject} may have {limit:,} {unit}, and {said}. Try again in {wait_s} s.",
            way_out=bound.page,
            retry_after_s=wait_s,
            headroom={metric: Headroom(limit, 0, wait_s)},
        )

    def _headroom(self, held: list[tuple[UUID, Bounds]], now: int) -> dict[str, Headroom]:
        found: dict[str, Headroom] = {}
        for metric in (REQUESTS, TOKENS):
            limited = [(getattr(bound, metric), place) for place, bound in held if getattr(bound, metric) is not None]
            left = [(limit - self._used(place, metric, now), limit, place) for limit, place in limited]
            if left:
                remaining, limit, place = min(left)
                reset_s = self._window(place, metric, now).wait_s(0)
                found[metric] = Headroom(limit, max(0, remaining), reset_s)
        return found

    def _count(self, place: UUID, metric: str, now: int, second: int, count: int) -> None:
        self._window(place, metric, now).add(second, count)
        self._untold[place, metric] += count

    def _window(self, place: UUID, metric: str, now: int) -> Window:
        found = self._windows.get((place, metric))
        if found is None:
            found = self._windows[place, metric] = Window(now)
        return found.at(now)

    def _used(self, place: UUID, metric: str, now: int) -> int:
        found = self._windows.get((place, metric))
        return found.at(now).used if found else 0

    def _at_once(self, place: UUID) -> int:
        oldest = self._clock() - SILENT_AFTER_S
        others = sum(running.get(place, 0) for at, running in self._elsewhere.values() if at >= oldest)
        return self._running.get(place, 0) + others

    def _now(self) -> int:
        now = int(self._clock())
        if now - self._forgotten >= FORGET_EVERY_S:
            self._forgotten = now
            self._windows = {key: window for key, window in self._windows.items() if window.at(now).used}
            oldest = now - SILENT_AFTER_S
            self._elsewhere = {process: told for process, told in self._elsewhere.items() if told[0] >= oldest}
        return now
