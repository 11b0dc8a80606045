"""What one event loop knows of a deployment: its breaker, whether it asked to be left alone, how long it takes, what is
under way there. Decides which endings of a call are the provider's own fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from random import Random

from gateway import failures
from gateway.routing.breakers import Breaker
from gateway.routing.latency import PeakEwma
from gateway.routing.recent import Recent
from gateway.snapshot import Target

LONGEST_PAUSE_S = 3600.0  # what a provider asks for beyond this is not believed
FIRST_PAUSE_S, LONGEST_GUESS_S = 1.0, 30.0  # for one that is busy and does not say how long
SAMPLES = 32
QUARTER_S, QUARTERS = 15.0, 20  # five minutes, by quarters of one

FAILED, BUSY = range(2)


class Standing:
    """Of one deployment. Moments are seconds of a clock that only goes on."""

    def __init__(self, target: Target, random: Random) -> None:
        self.target = target
        self.breaker = Breaker(random)
        self.under_way = 0
        self.first_tokens: deque[float] = deque(maxlen=SAMPLES)  # seconds, of streams
        self.by_route: dict[str, Recent] = {}  # calls
        self.recent = Recent(2, width_s=QUARTER_S, slices=QUARTERS)
        self.paused_until = 0.0
        self._answered_at = 0.0
        self.asked_for_pause = False  # it said for how long; else that is guessed
        self._guess_s = FIRST_PAUSE_S
        self._latency = (PeakEwma(), PeakEwma())  # of whole answers, of streams

    def is_at(self, target: Target) -> bool:
        """Whether it tells of `target` as that is connected now."""
        return _endpoint(self.target) == _endpoint(target)

    def knows(self, target: Target, routes: Container[str]) -> None:
        """The deployment may have been changed, or a person wants it to be tried; of routes that are gone nothing is
        kept."""
        for slug in [slug for slug in self.by_route if slug not in routes]:
            del self.by_route[slug]
        wants_probe = target.probe_asked_at is not None and target.probe_asked_at != self.target.probe_asked_at
        self.target = target
        if wants_probe:
            self.paused_until = 0.0
            self.breaker.try_now(0.0)

    def is_asked(self, route: str, now: float) -> None:
        """A call of a route is sent to it."""
        calls = self.by_route.get(route)
        if calls is None:
            calls = self.by_route[route] = Recent(1, width_s=QUARTER_S, slices=QUARTERS)
        calls.add(now, 0)

    def latency(self, *, is_streamed: bool) -> PeakEwma:
        """How long answers of a kind let one wait, or those of the other kind while none of this one came."""
        found = self._latency[is_streamed]
        return found if found.is_known else self._latency[not is_streamed]

    def answered(self, seconds: float, now: float, *, is_streamed: bool) -> None:
        """The first event of an answer came after so long."""
        self._answered_at = now
        self._latency[is_streamed].observe(seconds, now)
        if is_streamed:
            self.first_tokens.append(seconds)
        if not self.asked_for_pause or now >= self.paused_until:
            self.paused_until, self._guess_s = 0.0, FIRST_PAUSE_S

    def has_answered_since(self, moment: float) -> bool:
        """Whether an answer began here after that."""
        return self._answered_at > moment

    def waited(self, seconds: float, now: float, *, is_streamed: bool) -> None:
        """A caller left, or a deadline came, after so long without an answer."""
        latency = self._latency[is_streamed]
        if latency.is_known and seconds > latency.at(now):
            latency.observe(seconds, now)

    def failed(self, failure: failures.ProviderFailure, now: float, *, was_probe: bool) -> None:
        """A call ended by `failure`. What the caller did wrong, and what is busy, opens no breaker."""
        if failure.retry_after_s is not None and failure.status in (429, 503):
            self._pause(failure.retry_after_s, now, is_told=True)
        elif isinstance(failure, failures.ProviderBusy):
            self._pause(self._guess_s, now, is_told=False)
            self._guess_s = min(self._guess_s * 2, LONGEST_GUESS_S)
        if isinstance(failure, failures.ProviderBusy):
            self.recent.add(now, BUSY)
            if was_probe:
                self.breaker.learned_nothing()
        elif isinstance(failure, failures.ProviderRejected):  # it is there, and says what is wrong with the request
            self.breaker.succeeded(now, was_probe=was_probe)
        elif isinstance(failure, failures.CallTooLong):
            if was_probe:
                self.breaker.learned_nothing()
        else:
            self.recent.add(now, FAILED)
            self.breaker.failed(now, brief(failure), was_probe=was_probe)

    def _pause(self, seconds: float, now: float, *, is_told: bool) -> None:
        until = now + min(seconds, LONGEST_PAUSE_S)
        if until > self.paused_until:
            self.paused_until, self.asked_for_pause = until, is_told


def brief(failure: failures.ProviderFailure) -> str:
    """What went wrong in a word or two, for people who look after the platform."""
    return _BRIEFLY.get(failure.code) or f"status {failure.upstream_status or failure.status}"


_BRIEFLY = {
    "provider_unreachable": "cannot be reached",
    "provider_dropped": "broke off",
    "provider_timeout": "kept silent",
    "provider_malformed": "sent no answer",
    "provider_misconnected": "refuses the connection",
    "call_too_long": "took too long",
    "provider_busy": "busy",
    "context_length_exceeded": "the prompt is too long for it",
}


def _endpoint(target: Target) -> tuple[str, ...]:
    return target.base_url, target.dialect, target.credential, target.upstream_name
