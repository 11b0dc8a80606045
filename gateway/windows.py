"""What was counted in the last 60 seconds, second by second: exact to the second, in a few hundred bytes a place.

A limit of n in a window is never exceeded in any 60 seconds: the running second and the whole 60 before it count.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

SPAN_S = 60
SLOTS = SPAN_S + 1


class Window:
    """A ring of the last seconds. Times are whole seconds of one clock that never goes back."""

    __slots__ = ("latest", "slots", "used")

    def __init__(self, now: int) -> None:
        self.slots = array("q", bytes(8 * SLOTS))
        self.latest = now
        self.used = 0

    def at(self, now: int) -> Window:
        """The same window, with what is older than it forgotten."""
        if now > self.latest:
            passed = now - self.latest
            if passed >= SLOTS:
                self.slots = array("q", bytes(8 * SLOTS))
                self.used = 0
            else:
                for second in range(self.latest + 1, now + 1):
                    self.used -= self.slots[second % SLOTS]
                    self.slots[second % SLOTS] = 0
            self.latest = now
        return self

    def add(self, second: int, count: int) -> None:
        """Count at a second of the window; what lies before it is gone already, and is not counted."""
        if self.latest - SPAN_S <= second <= self.latest:
            self.slots[second % SLOTS] += count
            self.used += count

    def wait_s(self, room: int) -> int:
        """In how many seconds no more than `room` of what is counted now will still count: 0 when that is so now."""
        if room <= 0 < self.slots[self.latest % SLOTS]:
            return SPAN_S + 1
        if room <= 0 < self.used:  # asked for every answer: as the youngest count leaves; mostly that is a step or two
            return (
                SPAN_S + 1 - next((age for age in range(SLOTS) if self.slots[(self.latest - age) % SLOTS] > 0), SPAN_S)
            )
        left = self.used
        for age in range(SPAN_S, -1, -1):
            if left <= room:
                return SPAN_S - age
            left -= self.slots[(self.latest - age) % SLOTS]
        return SPAN_S + 1

    def told(self) -> list[tuple[int, int]]:
        """What is counted, as pairs of an age in seconds and a count, for another process."""
        aged = ((age, self.slots[(self.latest - age) % SLOTS]) for age in range(SLOTS))
        return [(age, count) for age, count in aged if count]

    def take_over(self, told: Iterable[tuple[int, int]]) -> None:
        """Count what another process told."""
        for age, count in told:
            if 0 <= age <= SPAN_S:
                self.add(self.latest - age, count)
