"""How long a deployment lets one wait: an average that believes bad news at once and good news slowly (peak EWMA).

After Finagle's `PeakEwma` (com.twitter.finagle.loadbalancer): a sample above the average replaces it, one below moves
it by how long ago the last one was. What is not asked falls towards nothing, so that a slow one is tried again.
"""

from __future__ import annotations

from math import exp

TAU_S = 10.0  # after so long without a sample about a third of the average is left
ASSUMED_S = 1.0  # of one that is being tried and has not answered yet


class PeakEwma:
    """Seconds, averaged."""

    __slots__ = ("_at", "_average_s")

    def __init__(self) -> None:
        self._average_s, self._at = 0.0, 0.0

    @property
    def is_known(self) -> bool:
        return self._at > 0

    def observe(self, seconds: float, now: float) -> None:
        """One more sample."""
        if seconds >= self._average_s or not self.is_known:
            self._average_s = seconds
        else:
            kept = exp(-(now - self._at) / TAU_S)
            self._average_s = self._average_s * kept + seconds * (1 - kept)
        self._at = now

    def at(self, now: float) -> float:
        """The average as it counts at `now`; 0 before the first sample."""
        return self._average_s * exp(-(now - self._at) / TAU_S) if self.is_known else 0.0

    @property
    def last_s(self) -> float:
        """The average after the last sample."""
        return self._average_s

    def load(self, under_way: int, now: float) -> float:
        """What one more call would wait for: the average, times the calls that would be under way then.

        One that nobody knows yet is tried first, by one call; the next ones assume it to be slow.
        """
        if not self.is_known:
            return ASSUMED_S * (under_way + 1) if under_way else 0.0
        return self.at(now) * (under_way + 1)
