"""What was counted in the last 60 seconds, second by second: exact to the second, in a few hundred bytes a place.

A limit of n in a window is never exceeded in any 60 seconds: the running second and the whole 60 before it count.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

SPAN_S = 60
SLOTS = SPAN_S + 1


class Window:
    """A ring of the last seconds. Times are whole seconds of one clock that never goes back.

    Who counts in the running second adds to `used` and does nothing else: what of it is of that second is what is
    beyond `before`, and what others were not told of it is what is beyond `told`.
    """

    __slots__ = ("before", "latest", "slots", "told", "used")

    def __init__(self, now: int) -> None:
        self.slots = array("q", bytes(8 * SLOTS))
        self.latest = now
        self.used = self.before = self.told = 0

    @property
    def untold(self) -> int:
        """What was counted here and others were not told."""
        return self.used - self.told

    def at(self, now: int) -> Window:
        """The same window, with what is older than it forgotten."""
        if now > self.latest:
            self._write_down()
            gone = 0
            for second in range(self.latest + 1, min(now, self.latest + SLOTS) + 1):
                gone += self.slots[second % SLOTS]
                self.slots[second % SLOTS] = 0
            self.used -= gone
            self.told -= gone
            self.before, self.latest = self.used, now
        return self

    def add(self, second: int, count: int) -> None:
        """Count at a second of the window; what lies before it is gone already, and is not counted."""
        if self.latest - SPAN_S <= second <= self.latest:
            if second < self.latest:
                self.slots[second % SLOTS] += count
                self.before += count
            self.used += count

    def hears(self, count: int) -> None:
        """Others counted, in the running second."""
        self.used += count
        self.told += count

    def wait_s(self, room: int) -> int:
        """In how many seconds no more than `room` of what is counted now will still count: 0 when that is so now."""
        if room <= 0 and self.used > self.before:
            return SPAN_S + 1
        if self.used <= room:
            return 0
        self._write_down()
        if room <= 0:  # asked for every answer: as the youngest count leaves; mostly that is a step or two
            return (
                SPAN_S + 1 - next((age for age in range(SLOTS) if self.slots[(self.latest - age) % SLOTS] > 0), SPAN_S)
            )
        left = self.used
        for age in range(SPAN_S, -1, -1):
            if left <= room:
                return SPAN_S - age
            left -= self.slots[(self.latest - age) % SLOTS]
        return SPAN_S + 1

    def pairs(self) -> list[tuple[int, int]]:
        """What is counted, as pairs of an age in seconds and a count, for another process."""
        self._write_down()
        aged = ((age, self.slots[(self.latest - age) % SLOTS]) for age in range(SLOTS))
        return [(age, count) for age, count in aged if count]

    def take_over(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Count what another process told, and nothing else; what was not told from here stays to be told."""
        untold = self.untold
        self.slots = array("q", bytes(8 * SLOTS))
        self.used = self.before = 0
        for age, count in pairs:
            if 0 <= age <= SPAN_S:
                self.add(self.latest - age, count)
        self.told = self.used - untold

    def _write_down(self) -> None:
        self.slots[self.latest % SLOTS] = self.used - self.before
