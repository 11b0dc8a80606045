"""One deployment that a call is sent to, from before it is asked until it has answered or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from gateway import failures
from gateway.routing.standing import Standing
from gateway.snapshot import Target

if TYPE_CHECKING:
    from gateway.providers.provider import Provider, Request
    from gateway.routing.choosing import Choice, Link


class Attempt:
    """One deployment that the call is sent to; a context manager, within which it counts as under way."""

    more_than = -1  # tokens of the prompt, as far as that was known when it was chosen
    patience_s: float | None = None  # where it is less than usual
    provider: Provider  # who speaks to it, once the request is put to it
    request: Request | None = None  # which is sent, until it was
    _has_answered = _has_ended = False
    _began = 0.0

    def __init__(
        self, choice: Choice, target: Target, link: Link, standing: Standing, *, is_probe: bool, is_last_resort: bool
    ) -> None:
        self._choice, self._standing = choice, standing
        self.target, self.is_probe, self.is_last_resort = target, is_probe, is_last_resort
        self.route, self.grant = link

    def __enter__(self) -> Self:
        self._began = self._choice.router.now()
        self._standing.under_way += 1
        if self.is_probe:
            self._standing.breaker.probes()
        return self

    def __exit__(self, *_: object) -> None:
        self._standing.under_way -= 1
        if not self._has_ended and not self._has_answered:  # its caller left, or it could not be asked at all
            now = self._choice.router.now()
            self._standing.waited(now - self._began, now, is_streamed=self._choice.is_streamed)
            if self.is_probe:
                self._standing.breaker.learned_nothing()

    def is_sent(self) -> None:
        """The request is about to go out."""
        self._choice.is_made()
        self._standing.is_asked(self.route.slug, self._began)

    def answered(self) -> None:
        """The first event of the answer is here."""
        now = self._choice.router.now()
        self._has_answered = True
        self._standing.answered(now - self._began, now, is_streamed=self._choice.is_streamed)
        if self.is_probe:
            self._standing.breaker.succeeded(now, was_probe=True)

    def succeeded(self) -> None:
        """The answer came to its end."""
        self._has_ended = True
        if not (self.is_probe and self._has_answered):  # else it was told already
            self._standing.breaker.succeeded(self._choice.router.now(), was_probe=self.is_probe)

    def failed(self, failure: failures.ProviderFailure) -> None:
        """It did not answer, or not to the end."""
        now = self._choice.router.now()
        self._has_ended = True
        if not self._has_answered and isinstance(failure, failures.ProviderSilent):
            self._standing.waited(now - self._began, now, is_streamed=self._choice.is_streamed)
        self._standing.failed(failure, now, was_probe=self.is_probe and not self._has_answered)
        self._choice.failed(self.target, failure)

    def cannot(self) -> None:
        """It was not asked: this request cannot be put to it. The caller is told why, and nobody else: that quotes the
        request."""
        self._choice.says(self.target, "cannot be asked what this request says")
