"""The way of every call: admit → hold → relay → meter.

Whatever happens, a call that reached a provider is accounted for.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from gateway.admission import Admitted, admit, as_known_now
from gateway.asked import Asked
from gateway.bodies.catching import Caught, catch
from gateway.caller import Caller
from gateway.event import Event
from gateway.holding import Hold, hold
from gateway.metering import CallSummary, Meter
from gateway.rates import use_of
from gateway.relay import relay, relay_whole
from gateway.stop import Stop, Stopped
from refusals import Refusal

if TYPE_CHECKING:
    from gateway.bodies.keeper import Unstored
    from gateway.runtime import Runtime

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5  # a restart takes about as long


STOPPED = "The gateway was stopped."


class ShuttingDown(Refusal):
    """This process goes, another one or the next will answer."""

    code = "shutting_down"
    status = 503
    title = "The gateway is being stopped"

    def __init__(self, sentence: str = f"{STOPPED} Please send the request again.") -> None:
        super().__init__(sentence, retry_after_s=RETRY_AFTER_S)


class Call:
    """One call that was admitted. Its events are read once; then `summary` says what came of it."""

    def __init__(self, runtime: Runtime, admitted: Admitted, hold: Hold, *, max_wait_s: float | None = None) -> None:
        self.admitted = admitted
        self.is_streamed = admitted.asked.is_streamed
        self.has_answered = False  # the caller has got the beginning of an answer, with status 200
        self._ended: asyncio.Event | None = None
        self._runtime = runtime
        self._stop = Stop()
        self._because: Refusal | None = None  # why it was stopped, when it was not its reader
        self.caught: Caught | None = None  # what is kept of its content (`gateway.bodies`); None: nothing
        self.not_stored = ""  # why its answer is not stored, although that was wanted
        self.meter = Meter(admitted, runtime.journal, hold, is_streamed=self.is_streamed, max_wait_s=max_wait_s)

    @property
    def ended(self) -> asyncio.Event:
        """Set once it has ended."""
        if self._ended is None:
            self._ended = asyncio.Event()
            if self.meter.summary is not None:
                self._ended.set()
        return self._ended

    @property
    def id(self) -> UUID:
        return UUID(self.meter.id_text)

    @property
    def summary(self) -> CallSummary | None:
        return self.meter.summary

    async def events(self) -> AsyncGenerator[Event]:
        """The answer as it comes: relayed and metered. Raises `ProviderFailure` or another `Refusal`.

        When this process is stopped meanwhile, that is `ShuttingDown`. When the reader stops reading, is cancelled or
        calls `stop`, the provider's call is broken off.
        """
        if self.summary is not None:  # closed before it was read
            return
        self._runtime.call_began(self)
        try:
            async with aclosing(relay(self._runtime, self.meter, self._stop)) as answer:
                async for event in answer:
                    if not self.has_answered:
                        self.has_answered = True
                        self.meter.answered()
                    yield event
            self._end("ok", 200)
        except BaseException as error:
            self._broke(error)
            if not isinstance(error, Stopped):
                raise

    async def whole(self) -> Event | None:
        """The same, of an answer that comes all at once; None where nobody wants it any more."""
        if self.summary is not None:
            return None
        self._runtime.call_began(self)
        try:
            event = await relay_whole(self._runtime, self.meter, self._stop)
            self.has_answered = True
            self._end("ok", 200)
        except BaseException as error:
            self._broke(error)
            if not isinstance(error, Stopped):
                raise
            return None
        return event

    def _broke(self, error: BaseException) -> None:
        """Write the account of a call that ended by `error`. Raises why it was stopped, where that is to be told."""
        if isinstance(error, Refusal):
            self._end("failed", 200 if self.has_answered else error.status, error.code, error.sentence)
        elif isinstance(error, Stopped):
            self._end_early()
            if self._because is not None:
                raise self._because from None
        elif isinstance(error, Exception):
            log.exception("A call broke on our side.")
            self._end("interrupted", 200 if self.has_answered else 500, "internal_error", type(error).__name__)
        else:  # cancelled, or nobody reads on
            self._end_early()

    def stop(self, *, because: Refusal | None = None) -> None:
        """Break off the provider's call: nobody wants the rest, or it may not go on `because` of something of ours."""
        self._because = self._because or because
        self._stop.set()

    def settle(self) -> None:
        """Write the account now, if its reader will not come back to do it."""
        self._end_early()

    async def store(self, answer: bytes) -> Unstored | None:
        """It has ended with `answer`, and its reader waits to be told whether that is stored: why it is not; None where
        it is."""
        if (caught := self.caught) is None:
            return "broken"
        if len(answer) > settings.GATEWAY_LARGEST_KEPT:
            return "too_long"  # it is kept as it is told, and cut
        self.caught = None
        caught.became(answer)
        return await self._runtime.bodies.keep(caught, self, "ok")

    def told_all(self) -> None:
        """It has ended, and its reader was told all there is: what is kept of its content is handed over."""
        if (caught := self.caught) is not None and (summary := self.meter.summary) is not None:
            self.caught = None
            if self.meter.target is not None:  # else no provider was asked, and it is in no ledger
                self._runtime.bodies.take(caught, self, summary.outcome)
            else:
                caught.release()

    def _end_early(self) -> None:
        if (because := self._because) is None:
            self._end("cancelled", 200 if self.has_answered else 499, "cancelled", "The caller left.")
        else:
            said = STOPPED if isinstance(because, ShuttingDown) else because.sentence
            self._end("interrupted", 200 if self.has_answered else because.status, because.code, said)

    def _end(self, outcome: str, status: int, code: str = "", message: str = "") -> None:
        if self.meter.summary is None:
            summary = self.meter.close(outcome, status, code, message)
            self.meter.hold.settle(use_of(summary.input_tokens, summary.output_tokens))
            self._runtime.call_ended(self, summary)
            if self._ended is not None:
                self._ended.set()


async def begin(
    runtime: Runtime, caller: Caller, asked: Asked, request_id: str, *, max_wait_s: float | None = None,
    came_at: float | None = None,
) -> Call:  # fmt: skip
    """Admit a call against the snapshot in force, and hold it to its limits and budgets. Whoever gets it ends it.

    It waits for room at a deployment for `max_wait_s` at most; None: as long as the installation has it. Its request
    began to arrive at `came_at` (`time.monotonic`; None: now).
    Raises the refusals of `gateway.admission` and `gateway.holding`, and `ShuttingDown`.
    """
    if runtime.is_ending:
        raise ShuttingDown
    read_at = time.monotonic()
    snapshot = runtime.snapshot()
    admitted = admit(snapshot, as_known_now(snapshot, caller), asked, request_id, dt.datetime.now(dt.UTC))
    if snapshot.bounds or snapshot.capacities:
        runtime.sharing.begin()
    held = await hold(runtime.rates, runtime.leases, admitted)
    call = Call(runtime, admitted, held, max_wait_s=max_wait_s)
    call.meter.timeline.came(read_at if came_at is None else came_at, read_at)
    if snapshot.bodies:
        call.caught = catch(snapshot, call, runtime.bodies.room)
    return call
