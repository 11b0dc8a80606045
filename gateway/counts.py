"""What one event loop counts at one place, for `gateway.rates`."""

from __future__ import annotations

from uuid import UUID

from gateway.snapshot import A_MINUTE
from gateway.windows import Window


class Counts:
    """What one event loop counts at a place: windows and what others were not told yet, by the index of a metric; and
    the calls under way."""

    __slots__ = ("is_changed", "place", "running", "untold", "windows")

    def __init__(self, place: UUID) -> None:
        self.place = place
        self.running = 0
        self.is_changed = False  # there may be something untold
        self.untold = [0] * len(A_MINUTE)
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
        return self.running > 0 or any(self.untold) or any(self.used(index, now) for index in range(len(A_MINUTE)))
