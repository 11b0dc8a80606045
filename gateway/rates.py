"""Hold calls to limits: requests and tokens in any 60 seconds, and calls at once, at every place that is limited.

Counted in memory; what other processes counted is added as they tell it (`gateway.sharing`). A call is counted at all
its places or at none. Tokens are counted as far as they are known beforehand, and corrected when the call has ended.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from gateway.snapshot import Bounds
from gateway.windows import SPAN_S, Window
from refusals import Refusal
from usage.limits.tables import OF_TOKENS, Metric

REQUESTS, CONCURRENT = Metric.REQUESTS.value, Metric.CONCURRENT.value
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


class Use(NamedTuple):
    """What a call counts as, by metric."""

    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int


def use_of(tokens_in: int, tokens_out: int) -> Use:
    """One call of so many tokens."""
    return Use(1, tokens_in + tokens_out, tokens_in, tokens_out)


NOTHING_USED = use_of(0, 0)
type Held = Sequence[tuple[UUID, Bounds]]  # the limited places around a call


class Obstacle(NamedTuple):
    """Why there is no room at a place now: what is full, how much of it is used, in how many seconds that is less."""

    metric: str
    used: int
    wait_s: int


@dataclass(slots=True)
class Taken:
    """What one call was counted as, and where: given back or corrected by `Rates.settle`."""

    held: Held
    second: int
    use: Use


class Rates:
    """The counts of one event loop. `on_change` is called when there is something that others should be told,
    `on_room` when there may be room where there was none."""

    def __init__(
        self,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._on_room = on_room
        self._windows: dict[tuple[UUID, str], Window] = {}
        self._running: dict[UUID, int] = defaultdict(int)
        self._elsewhere: dict[str, tuple[float, dict[UUID, int]]] = {}  # calls at once, by process, and when it said so
        self._untold: dict[tuple[UUID, str], int] = defaultdict(int)
        self._forgotten = 0

    def take(self, held: Held, use: Use) -> Taken:
        """Count a call that may `use` so much at all of `held`. Raises `RateLimited` and `LargerThanLimit`."""
        now = self._now()
        for place, bound in held:
            refuse_larger(bound, use)
            if (obstacle := self.obstacle(place, bound, use, now)) is not None:
                raise _refusal(bound, obstacle, use)
        return self._take(held, use, now)

    def try_take(self, held: Held, use: Use) -> Taken | None:
        """The same where there is room; None where there is none."""
        now = self._now()
        if any(self.obstacle(place, bound, use, now) is not None for place, bound in held):
            return None
        return self._take(held, use, now)

    def count_request(self, held: Held) -> None:
        """Count what is no call, but work all the same, as one request at all of `held`. Raises `RateLimited`."""
        now = self._now()
        limited = [(place, bound) for place, bound in held if bound.requests is not None]
        for place, bound in limited:
            window = self._window(place, REQUESTS, now)
            if bound.requests is not None and window.used >= bound.requests:
                wait_s = max(1, window.wait_s(bound.requests - 1))
                raise _refusal(bound, Obstacle(REQUESTS, window.used, wait_s), NOTHING_USED)
        for place, _ in limited:
            self._count(place, REQUESTS, now, now, 1)
        if limited:
            self._on_change()

    def obstacle(self, place: UUID, bound: Bounds, use: Use, now: int | None = None) -> Obstacle | None:
        """What stands in the way of one more call at a place; None where there is room."""
        now = self._now() if now is None else now
        if bound.concurrent is not None and (running := self.at_once(place)) >= bound.concurrent:
            return Obstacle(CONCURRENT, running, 1)
        for metric, limit in bound.a_minute:
            window, needs = self._window(place, metric, now), getattr(use, metric)
            if needs and window.used + needs > limit:
                return Obstacle(metric, window.used, max(1, window.wait_s(limit - needs)))
        return None

    def headroom(self, held: Held) -> dict[str, Headroom]:
        """The tightest limits at the places of a tenant, by metric; what all tenants share is nobody's to be told."""
        now = self._now()
        found: dict[str, tuple[int, int, UUID]] = {}
        for place, bound in held:
            if not bound.is_platforms:
                for metric, limit in bound.a_minute:
                    left = (limit - self._used(place, metric, now), limit, place)
                    found[metric] = min(found.get(metric, left), left)
        return {
            metric: Headroom(limit, max(0, left), self._window(place, metric, now).wait_s(0))
            for metric, (left, limit, place) in found.items()
        }

    def used(self, place: UUID, metric: str) -> int:
        """What counts at a place now, of what counts over 60 seconds."""
        return self._used(place, metric, self._now())

    def settle(self, taken: Taken, use: Use) -> None:
        """The call has ended and did `use` so much."""
        now = self._now()
        is_recent = now - taken.second <= SPAN_S
        for place, bound in taken.held:
            self._running[place] -= 1
            if self._running[place] <= 0:
                del self._running[place]
            for metric, _ in bound.a_minute:
                more = getattr(use, metric) - getattr(taken.use, metric)
                if more > 0 or (more and is_recent):
                    self._count(place, metric, now, taken.second if is_recent else now, more)
        if taken.held:
            self._on_change()
            self._on_room()

    def undo(self, taken: Taken) -> None:
        """The call was refused for another reason: it is not counted at all."""
        self.settle(taken, Use(0, 0, 0, 0))

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
        self._on_room()

    def forget(self, process: str) -> None:
        """Another process has ended."""
        if self._elsewhere.pop(process, None) is not None:
            self._on_room()

    # --- within ------------------------------------------------------------------------------------------------------

    def _take(self, held: Held, use: Use, now: int) -> Taken:
        for place, bound in held:
            for metric, _ in bound.a_minute:
                if counted := getattr(use, metric):
                    self._count(place, metric, now, now, counted)
            self._running[place] += 1
        if held:
            self._on_change()
        return Taken(held, now, use)

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

    def running(self, place: UUID) -> int:
        """The calls under way at a place in this process."""
        return self._running.get(place, 0)

    def at_once(self, place: UUID) -> int:
        """The calls under way at a place, here and as far as is known in other processes."""
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


def refuse_larger(bound: Bounds, use: Use) -> None:
    """Raise `LargerThanLimit` for a call that alone is more than a minute allows."""
    for metric, limit in bound.a_minute:
        if metric in OF_TOKENS and getattr(use, metric) > limit:
            kind = Metric(metric).label.lower().removesuffix(" a minute")
            most = (
                f"that is more than {bound.words} takes in a minute"
                if bound.is_platforms
                else f"{bound.words} may use {limit:,} a minute"
            )
            raise LargerThanLimit(
                f"This call may need {getattr(use, metric):,} {kind}, and {most}. "
                "Send a shorter prompt, or ask for fewer tokens of answer (max_tokens).",
                way_out=bound.page,
            )


def _refusal(bound: Bounds, obstacle: Obstacle, use: Use) -> RateLimited:
    """What a tenant is told. Of what all tenants share, how much it is and how much the others use is nobody's."""
    metric, wait_s = obstacle.metric, obstacle.wait_s
    if bound.is_platforms:
        return RateLimited(
            f"What {bound.words} takes of all tenants together is used up. Try again in {wait_s} s.",
            retry_after_s=wait_s,
        )
    limit: int = getattr(bound, metric)
    if metric == CONCURRENT:
        said = f"{obstacle.used:,} are under way"
    elif metric == REQUESTS:
        said = "they are used up"
    else:
        said = f"{obstacle.used:,} are used and this call may need {getattr(use, metric):,}"
    return RateLimited(
        f"{bound.subject} may have {limit:,} {Metric(metric).label.lower()}, and {said}. Try again in {wait_s} s.",
        way_out=bound.page,
        retry_after_s=wait_s,
        headroom={metric: Headroom(limit, 0, wait_s)},
    )
