"""How often calls of a route may be sent to another deployment: a share of the calls, so that trouble at all of them
does not become several times the load.

After Finagle's `RetryBudget` (com.twitter.finagle.service): 20 % of the calls of the last ten seconds, and ten a second
in any case. Each process counts by itself.
"""

from __future__ import annotations

SHARE = 0.2
A_SECOND = 10.0
KEPT_S = 10.0
RESERVE = A_SECOND * KEPT_S


class RetryBudget:
    """A bucket of tokens; it begins full."""

    __slots__ = ("_at", "_earned", "_reserve")

    def __init__(self, now: float) -> None:
        self._reserve, self._earned, self._at = RESERVE, 0.0, now

    def earns(self, now: float) -> None:
        """A call has come."""
        if now != self._at:
            self._goes_on(now)
        self._earned += SHARE

    def has_any(self, now: float) -> bool:
        """Whether one more retry is allowed."""
        self._goes_on(now)
        return self._reserve + self._earned >= 1

    def takes(self, now: float) -> None:
        """A call is sent elsewhere."""
        self._goes_on(now)
        of_earned = min(1.0, self._earned)
        self._earned -= of_earned
        self._reserve = max(0.0, self._reserve - (1.0 - of_earned))

    def left(self, now: float) -> int:
        """Retries that are allowed now."""
        self._goes_on(now)
        return int(self._reserve + self._earned)

    def _goes_on(self, now: float) -> None:
        """What calls earned is worth less and less, so that old calls pay for no retries."""
        passed = now - self._at
        if passed > 0:
            self._reserve = min(RESERVE, self._reserve + A_SECOND * passed)
            self._earned *= max(0.0, 1.0 - passed / KEPT_S)
            self._at = now
