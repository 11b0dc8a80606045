"""Which of a loopback's calls do not come to a good end: evenly among the others, in the same order each time."""

from __future__ import annotations

from typing import Literal

from gateway.providers.loopback.manner import How

type Turn = Literal["answers", "fail", "busy", "drop"]

# Multiples of it, without their whole part, lie evenly between 0 and 1 however many there are (the golden ratio).
STEP = 0.6180339887498949


class Turns:
    """Counts the calls at each address."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}

    def next(self, address: str, how: How) -> Turn:
        """What becomes of the next call there."""
        if not (how.fail or how.busy or how.drop):
            return "answers"
        count = self._calls[address] = self._calls.get(address, 0) + 1
        place = count * STEP % 1
        if place < how.fail:
            return "fail"
        if place < how.fail + how.busy:
            return "busy"
        return "drop" if place < how.fail + how.busy + how.drop else "answers"
