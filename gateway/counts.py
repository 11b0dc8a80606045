"""What one event loop counts at one place, and at all places that hold the calls of a caller, for `gateway.rates`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from gateway.snapshot import A_MINUTE, Bounds
from gateway.windows import Window

type Held = Sequence[tuple[UUID, Bounds]]  # the limited places around a call
ANY_NUMBER = 1 << 62  # of calls at once, where they are not limited
type Limits = tuple[tuple[Window, int], ...]


class Counts:
    """What one event loop counts at a place: windows by the index of a metric, and the calls under way."""

    __slots__ = ("is_changed", "place", "running", "windows")

    def __init__(self, place: UUID) -> None:
        self.place = place
        self.running = 0
        self.is_changed = False  # there may be something untold
        self.windows: list[Window | None] = [None] * len(A_MINUTE)

    def window(self, index: int, now: int) -> Window:
        """The window of a metric, begun if need be."""
        found = self.windows[index]
        if found is None:
            found = self.windows[index] = Window(now)
        elif now > found.latest:
            found.at(now)
        return found

    def used(self, index: int, now: int) -> int:
        """What counts of a metric now."""
        found = self.windows[index]
        return found.at(now).used if found else 0

    def is_needed(self, now: int) -> bool:
        """Whether there is anything that would be missed."""
        return self.running > 0 or any(each is not None and (each.at(now).used or each.untold) for each in self.windows)


class Tally:
    """The places that hold some calls, as they are counted at: looked up once, so that a call is counted in a pass over
    numbers. `limits` are windows with how much fits, by the index of a metric; `at_once` all the places, with how many
    calls do.

    `second` is up to when its windows have gone on; `marked` in which round of telling its places were last marked.
    """

    __slots__ = ("at_once", "held", "limits", "marked", "own_limits", "second")

    def __init__(self, held: Held, counts: tuple[Counts, ...], now: int) -> None:
        self.held, self.second, self.marked = held, now, -1
        bounds = [bound for _, bound in held]
        self.at_once = tuple(
            (each, ANY_NUMBER if bound.concurrent is None else bound.concurrent)
            for each, bound in zip(counts, bounds, strict=True)
        )
        stated = [
            (A_MINUTE.index(metric), each.window(A_MINUTE.index(metric), now), limit, bound.is_platforms)
            for each, bound in zip(counts, bounds, strict=True)
            for metric, limit in bound.a_minute
        ]
        indexes = [index for index in range(len(A_MINUTE)) if any(at == index for at, *_ in stated)]
        self.limits: tuple[tuple[int, Limits], ...] = tuple(
            (index, tuple((window, limit) for at, window, limit, _ in stated if at == index)) for index in indexes
        )
        # Of a tenant's own places alone, the smallest limit first.
        own = sorted((each for each in stated if not each[3]), key=lambda each: each[2])
        self.own_limits: tuple[tuple[str, Limits], ...] = tuple(
            (A_MINUTE[index], tuple((window, limit) for at, window, limit, _ in own if at == index))
            for index in indexes
            if any(at == index for at, *_ in own)
        )

    def goes_on(self, now: int) -> None:
        """To another second."""
        self.second = now
        for _, limits in self.limits:
            for window, _ in limits:
                window.at(now)

    def gives_back(self, use: Sequence[int], last: Window) -> None:
        """What was counted of a call in its windows up to the `last`, where there was no room."""
        for index, limits in self.limits:
            if needs := use[index]:
                for window, _ in limits:
                    window.used -= needs
                    if window is last:
                        return
