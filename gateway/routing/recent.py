"""What was counted lately: a few numbers by slices of time, of which the old ones fall away."""

from __future__ import annotations

from collections import deque


class Recent:
    """Counts in `columns` over the last `slices` slices of `width_s` seconds each."""

    __slots__ = ("_columns", "_number", "_slices", "_width_s")

    def __init__(self, columns: int, *, width_s: float, slices: int) -> None:
        self._columns, self._width_s = columns, width_s
        self._slices: deque[list[int]] = deque(maxlen=slices)  # each the number of its slice, then the counts
        self._number = -1  # of the last one

    def add(self, now: float, column: int) -> None:
        """One more, at `now` (seconds of a clock that only goes on)."""
        number = int(now / self._width_s)
        if number != self._number:
            self._slices.append([number, *[0] * self._columns])
            self._number = number
        self._slices[-1][column + 1] += 1

    def totals(self, now: float) -> list[int]:
        """The sums of all columns."""
        oldest = int(now / self._width_s) - (self._slices.maxlen or 0)
        found = [0] * self._columns
        for number, *counts in self._slices:
            if number > oldest:
                found = [sum(pair) for pair in zip(found, counts, strict=True)]
        return found

    def clear(self) -> None:
        """Forget all of it."""
        self._slices.clear()
        self._number = -1
