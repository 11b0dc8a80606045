"""A circuit breaker: a deployment that keeps failing is left alone for a while, then tried by one call at a time.

It opens after `FAILURES` failures in a row, or when half of the calls of half a minute failed. Only what is the
provider's own fault counts, which `gateway.routing.standing` decides. While it is open it is for the choice to say
whether anybody else can be asked; nothing is refused here.
"""

from __future__ import annotations

from random import Random
from typing import Literal

from gateway.routing.recent import Recent

FAILURES = 5
ENOUGH_CALLS, FAILED_SHARE = 20, 0.5
WINDOW_S, SLICES = 5.0, 6
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0
SPREAD = 0.2  # of a wait, so that not every process tries at the same moment
PASSES = 2  # probes that have to succeed, one after the other, before all calls come back
RAMP_S, LEAST_SHARE = 10.0, 0.1  # and then they come back little by little
CALM_S = 60.0  # closed for so long, a new opening is the first again

type State = Literal["closed", "open", "probing"]
type Verdict = Literal["ask", "probe", "wait"]


class Breaker:
    """Of one deployment, in one event loop. Moments are seconds of a clock that only goes on."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._recent = Recent(2, width_s=WINDOW_S, slices=SLICES)
        self._in_a_row = 0
        self._openings = 0
        self._passes = 0
        self._ramp_until = self._closed_at = 0.0
        self.is_open = False
        self.is_probed = False  # a call is on its way to find out
        self.since = 0.0  # when it opened
        self.probe_at = 0.0
        self.why = ""
        self.failures = 0  # what opened it

    @property
    def state(self) -> State:
        if not self.is_open:
            return "closed"
        return "probing" if self.is_probed or self._passes else "open"

    def verdict(self, now: float) -> Verdict:
        """Whether a call may be sent: as any other, as the one that tries, or not while somebody else can be asked."""
        if not self.is_open:
            return "ask"
        return "wait" if self.is_probed or now < self.probe_at else "probe"

    def probes(self) -> None:
        """A call is sent to find out. It ends by `succeeded`, `failed` or `learned_nothing`."""
        self.is_probed = True

    def learned_nothing(self) -> None:
        """The call that was to find out ended by itself: its caller left. The next one tries again."""
        self.is_probed = False

    def succeeded(self, now: float, *, was_probe: bool = False) -> None:
        """It answered."""
        self._recent.add(now, 0)
        self._in_a_row = 0
        if was_probe:
            self.is_probed = False
        if self.is_open:
            self._passes += 1
            self.probe_at = now
            if self._passes >= PASSES:
                self._close(now)

    def failed(self, now: float, why: str, *, was_probe: bool = False) -> None:
        """It failed, and it is its fault."""
        self._recent.add(now, 1)
        self._in_a_row += 1
        if was_probe:
            self.is_probed = False
        if self.is_open:
            if was_probe or self._passes:
                self._open(now, why)
            return
        good, bad = self._recent.totals(now)
        if self._in_a_row >= FAILURES:
            self.failures = self._in_a_row
            self._open(now, why)
        elif good + bad >= ENOUGH_CALLS and bad >= FAILED_SHARE * (good + bad):
            self.failures = bad
            self._open(now, why)

    def suspects(self) -> None:
        """Another process has opened its own: here one more failure is enough."""
        if not self.is_open:
            self._in_a_row = max(self._in_a_row, FAILURES - 1)

    def try_now(self, now: float) -> None:
        """A person wants it to be tried at once."""
        if self.is_open:
            self.probe_at, self._openings = now, 0

    def share(self, now: float) -> float:
        """The part of its usual calls that it gets: less at first, after it has come back."""
        if now >= self._ramp_until:
            return 1.0
        return max(LEAST_SHARE, 1.0 - (self._ramp_until - now) / RAMP_S)

    def _open(self, now: float, why: str) -> None:
        if not self.is_open:
            self.since = now
            if now - self._closed_at > CALM_S:
                self._openings = 0
        self.is_open, self._passes = True, 0
        self.why = why
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**self._openings)
        self._openings = min(self._openings + 1, 10)
        self.probe_at = now + wait_s * self._random.uniform(1 - SPREAD, 1 + SPREAD)

    def _close(self, now: float) -> None:
        self.is_open, self._passes = False, 0
        self._closed_at, self._ramp_until = now, now + RAMP_S
        self._recent.clear()
