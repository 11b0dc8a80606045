"""How long a call is waited for: until the next thing that counts, and in all.

What counts is for the one who reads to say: an event of a stream, but not its comments, nor bytes that make none.
"""

from __future__ import annotations

import time

from gateway.answering import Answering
from gateway.snapshot import Route
from gateway.stop import Stop
from gateway.upstream import Timeouts, TooLarge, TooSlow


class Patience:
    """The deadlines of one call, over all deployments that it is sent to."""

    def __init__(self, timeouts: Timeouts, route: Route | None = None) -> None:
        """A `route` may have time-outs of its own."""
        self.idle_s = (route.idle_timeout_s if route else None) or timeouts.idle_s
        first_byte_s = (route.first_token_timeout_s if route else None) or timeouts.first_byte_s
        self._usual_first_byte_s = self.first_byte_s = first_byte_s
        self.waits_s = first_byte_s  # for what comes next
        self.total_s = timeouts.total_s
        self._ends = time.monotonic() + timeouts.total_s
        self._next = self._ends

    @property
    def is_over(self) -> bool:
        """Whether the call has had all its time."""
        return time.monotonic() >= self._ends

    def of_attempt(self, at_most_s: float | None) -> None:
        """The next deployment is waited for as usual, or no longer than that."""
        usual = self._usual_first_byte_s
        self.first_byte_s = usual if at_most_s is None else min(usual, at_most_s)

    def was_sent(self) -> None:
        """A deployment is about to be asked: its answer has to begin in time."""
        self.waits_s = self.first_byte_s
        self._next = min(self._ends, time.monotonic() + self.first_byte_s)

    def has_begun(self) -> None:
        """The head of a whole answer is here: what follows may take as long as was left, and at least until it is idle.
        A stream begins with its first event."""
        self.waits_s = self.idle_s
        self._next = min(self._ends, max(self._next, time.monotonic() + self.idle_s))

    def counts(self) -> None:
        """Something came that counts, and was passed on: a slow reader is not the provider's fault."""
        self.waits_s = self.idle_s
        self._next = min(self._ends, time.monotonic() + self.idle_s)

    def left_s(self) -> float:
        """Seconds until the nearest deadline. Raises `TooSlow` when there are none left."""
        left = self._next - time.monotonic()
        if left <= 0:
            raise TooSlow("nothing that counts came in time")
        return left


async def whole(
    exchange: Answering, largest: int, patience: Patience, stop: Stop, *, each_piece_counts: bool = True
) -> bytes:
    """The whole body; unless each piece counts, one deadline holds for all. Raises `TooLarge` and `TooSlow`."""
    pieces, size = [], 0
    while piece := await exchange.read(patience.left_s(), stop):
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise TooLarge(f"the answer is larger than {largest} bytes")
        if each_piece_counts:
            patience.counts()
        if exchange.is_read:
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
