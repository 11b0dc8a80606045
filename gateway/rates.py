"""Hold calls to limits: requests and tokens in any 60 seconds, and calls at once, at every place that is limited.

Counted in memory; what other processes counted is added as they tell it (`gateway.sharing`). A call is counted at all
its places or at none. Tokens are counted as far as they are known beforehand, and corrected when the call has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from gateway.counts import Counts, Held, Tally
from gateway.snapshot import A_MINUTE, Bounds
from gateway.windows import SPAN_S
from refusals import Refusal
from usage.limits.tables import OF_TOKENS, Metric

REQUESTS, CONCURRENT = Metric.REQUESTS.value, Metric.CONCURRENT.value
INDEX = {metric: index for index, metric in enumerate(A_MINUTE)}  # of a metric in a `Use`
FORGET_EVERY_S = 60
MOST_LOOKED_UP = 20_000
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


class Headroom(NamedTuple):
    """The tightest limit of one metric: how much it is, what is left of it, and in how many seconds it is whole."""

    limit: int
    remaining: int
    reset_s: int


class Use(NamedTuple):
    """What a call counts as, by metric (in the order of `A_MINUTE`)."""

    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int


def use_of(tokens_in: int, tokens_out: int) -> Use:
    """One call of so many tokens."""
    return Use(1, tokens_in + tokens_out, tokens_in, tokens_out)


NOTHING_USED = use_of(0, 0)


class Obstacle(NamedTuple):
    """Why there is no room at a place now: what is full, how much of it is used, in how many seconds that is less."""

    metric: str
    used: int
    wait_s: int


class Taken:
    """What one call was counted as, when (in whole seconds) and where (None: it is limited nowhere): given back or
    corrected by `Rates.settle`."""

    __slots__ = ("second", "tally", "use")

    def __init__(self, tally: Tally | None, second: int, use: Use) -> None:
        self.tally, self.second, self.use = tally, second, use


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
        self._counts: dict[UUID, Counts] = {}
        self._tallies: dict[int, Tally] = {}  # by who each `Held` is
        self._elsewhere: dict[str, tuple[float, dict[UUID, int]]] = {}  # calls at once, by process, and when it said so
        self._changed: list[Counts] = []  # of which there is something untold
        self._round = 0  # of telling: how often others were told
        self._forgotten = 0

    def take(self, held: Held, use: Use) -> Taken:
        """Count a call that may `use` so much at all of `held`. Raises `RateLimited` and `LargerThanLimit`."""
        now = self._now()
        taken = self.try_take(held, use, now)
        if taken is not None:
            return taken
        self.refuse_where_full(held, use, now)
        raise RateLimited("There was no room for the call. Try again in 1 s.", retry_after_s=1)

    def refuse_where_full(self, held: Held, use: Use, now: int | None = None) -> None:
        """Raise `RateLimited` or `LargerThanLimit` where there is no room for a call that may `use` so much; count
        nothing."""
        now = self._now() if now is None else now
        for place, bound in held:
            if (obstacle := self.obstacle(place, bound, use, now)) is not None:
                refuse_larger(bound, use)
                raise _refusal(bound, obstacle, use)

    def try_take(self, held: Held, use: Use, now: int | None = None) -> Taken | None:
        """Count it at all of `held`, or at none: None where there is no room.

        Nothing is called in the loops: they run a dozen times a call.
        """
        if now is None:
            now = self._now()
        if not held:
            return Taken(None, now, use)
        tally = self._tally(held, now)
        if self._elsewhere:
            for counts, most in tally.at_once:
                if self.at_once(counts.place, now) >= most:
                    return None
        else:
            for counts, most in tally.at_once:
                if counts.running >= most:
                    return None
        for index, limits in tally.limits:
            if needs := use[index]:
                for window, limit in limits:
                    window.used = used = window.used + needs
                    if used > limit:
                        tally.gives_back(use, window)
                        return None
        for counts, _ in tally.at_once:
            counts.running += 1
        if tally.marked != self._round:
            self._mark(tally)
        return Taken(tally, now, use)

    def count_request(self, held: Held) -> None:
        """Count what is no call, but work all the same, as one request at all of `held`. Raises `RateLimited`."""
        if not held:
            return
        now, requests = self._now(), INDEX[REQUESTS]
        for place, bound in held:
            window, most = self._of(place).window(requests, now), bound.requests
            if most is not None and window.used >= most:
                wait_s = max(1, window.wait_s(most - 1))
                raise _refusal(bound, Obstacle(REQUESTS, window.used, wait_s), NOTHING_USED)
        tally = self._tally(held, now)
        for index, limits in tally.limits:
            for window, _ in limits if index == requests else ():
                window.used += 1
        if tally.marked != self._round:
            self._mark(tally)

    def obstacle(self, place: UUID, bound: Bounds, use: Use, now: int | None = None) -> Obstacle | None:
        """What stands in the way of one more call at a place; None where there is room."""
        now = self._now() if now is None else now
        if bound.concurrent is not None and (running := self.at_once(place, now)) >= bound.concurrent:
            return Obstacle(CONCURRENT, running, 1)
        counts = self._of(place)
        for metric, limit in bound.a_minute:
            index = INDEX[metric]
            window, needs = counts.window(index, now), use[index]
            if needs and window.used + needs > limit:
                return Obstacle(metric, window.used, max(1, window.wait_s(limit - needs)))
        return None

    def headroom(self, held: Held) -> dict[str, Headroom]:
        """The tightest limits at the places of a tenant, by metric; what all tenants share is nobody's to be told."""
        found: dict[str, Headroom] = {}
        if not held:
            return found
        for metric, limits in self._tally(held, self._now()).own_limits:
            tightest, most = limits[0]
            left = most - tightest.used
            for window, limit in limits:
                if limit - window.used < left:
                    tightest, most, left = window, limit, limit - window.used
            found[metric] = Headroom(most, left if left > 0 else 0, tightest.wait_s(0))
        return found

    def used(self, place: UUID, metric: str) -> int:
        """What counts at a place now, of what counts over 60 seconds."""
        counts = self._counts.get(place)
        return counts.used(INDEX[metric], self._now()) if counts is not None else 0

    def settle(self, taken: Taken, use: Use) -> None:
        """The call has ended and did `use` so much."""
        tally = taken.tally
        if tally is None:
            return
        now = self._now()
        if tally.second != now:
            tally.goes_on(now)
        for counts, _ in tally.at_once:
            counts.running -= 1
        if use != taken.use:
            is_recent = now - taken.second <= SPAN_S
            second = taken.second if is_recent else now
            for index, limits in tally.limits:
                more = use[index] - taken.use[index]
                if more <= 0 and not (more and is_recent):
                    continue
                if second == now:
                    for window, _ in limits:
                        window.used += more
                else:
                    for window, _ in limits:
                        window.add(second, more)
        if tally.marked != self._round:
            self._mark(tally)
        self._on_room()

    def undo(self, taken: Taken) -> None:
        """The call was refused for another reason: it is not counted at all."""
        self.settle(taken, Use(0, 0, 0, 0))

    # --- what processes tell each other ------------------------------------------------------------------------------

    def untold(self) -> tuple[dict[tuple[UUID, str], int], dict[UUID, int]]:
        """What was counted here since this was last asked, and how many calls run now."""
        changed, self._changed = self._changed, []
        self._round += 1
        told: dict[tuple[UUID, str], int] = {}
        for counts in changed:
            counts.is_changed = False
            for index, window in enumerate(counts.windows):
                if window is not None and (count := window.untold):
                    told[counts.place, A_MINUTE[index]] = count
                    window.told += count
        return told, {place: counts.running for place, counts in self._counts.items() if counts.running}

    def whole(self) -> dict[tuple[UUID, str], list[tuple[int, int]]]:
        """Everything that counts here, for a process that has just begun."""
        now = self._now()
        told = {
            (place, A_MINUTE[index]): window.at(now).pairs()
            for place, counts in self._counts.items()
            for index, window in enumerate(counts.windows)
            if window is not None
        }
        return {key: pairs for key, pairs in told.items() if pairs}

    def heard(self, place: UUID, metric: str, count: int) -> None:
        """Another process counted."""
        now = self._now()
        self._of(place).window(INDEX[metric], now).hears(count)

    def heard_whole(self, place: UUID, metric: str, told: list[tuple[int, int]]) -> None:
        """All that another process knows of, when this one has just begun: taken where nothing is known here."""
        now = self._now()
        window = self._of(place).window(INDEX[metric], now)
        if sum(count for _, count in told) > window.used:
            window.take_over(told)

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

    def _mark(self, tally: Tally) -> None:
        """There is something to tell of these places: said once a round."""
        tally.marked = self._round
        for counts, _ in tally.at_once:
            if not counts.is_changed:
                counts.is_changed = True
                self._changed.append(counts)
        self._on_change()

    def _of(self, place: UUID) -> Counts:
        found = self._counts.get(place)
        if found is None:
            found = self._counts[place] = Counts(place)
        return found

    def _tally(self, held: Held, now: int) -> Tally:
        """Where `held` is counted, up to `now`. The same places hold call after call: they come as one tuple, looked up
        once."""
        tally = self._tallies.get(id(held))
        if tally is None or tally.held is not held:
            tally = Tally(held, tuple(self._of(place) for place, _ in held), now)
            if type(held) is tuple:
                if len(self._tallies) >= MOST_LOOKED_UP:
                    self._tallies.clear()
                self._tallies[id(held)] = tally
        if tally.second != now:
            tally.goes_on(now)
        return tally

    def running(self, place: UUID) -> int:
        """The calls under way at a place in this process."""
        counts = self._counts.get(place)
        return counts.running if counts is not None else 0

    def at_once(self, place: UUID, now: int | None = None) -> int:
        """The calls under way at a place, here and as far as is known in other processes."""
        oldest = (self._now() if now is None else now) - SILENT_AFTER_S
        others = sum(running.get(place, 0) for at, running in self._elsewhere.values() if at >= oldest)
        return self.running(place) + others

    def _now(self) -> int:
        now = int(self._clock())
        if now - self._forgotten >= FORGET_EVERY_S:
            self._forgotten = now
            self._tallies.clear()
            self._counts = {place: counts for place, counts in self._counts.items() if counts.is_needed(now)}
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
