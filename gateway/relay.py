"""Pass a call on to a deployment and its answer back, event by event, as it comes.

Until the first event nothing has been promised to the caller, so the next deployment may be tried; after it whatever
goes wrong is told as the end of the stream.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from gateway import failures
from gateway.answering import Answering
from gateway.asked import InvalidRequest
from gateway.event import Event
from gateway.extent import apart
from gateway.metering import Meter
from gateway.patience import Patience, whole
from gateway.providers import provider_of
from gateway.providers.provider import Provider, Reading, Request, ToldNo, Unreadable
from gateway.queueing.seating import Seated
from gateway.queueing.waiting import WaitingRoom
from gateway.routing import Attempt, Router
from gateway.snapshot import Target
from gateway.sse import EventTooLarge
from gateway.stop import Stop
from gateway.upstream import ConnectFailed, Dropped, TooLarge, TooSlow, Upstream
from refusals import Refusal

log = logging.getLogger(__name__)

LARGEST_ERROR = 256 * 1024
LARGEST_ANSWER = 64 * 1024 * 1024
RETRY_LOCAL_EVERY_S = 0.25
# By the request's own number, added to these, what the provider logs about the call can be found.
SENT = {
    "content-type": "application/json", "accept": "text/event-stream, application/json", "accept-encoding": "identity",
    "user-agent": "atrium",
}  # fmt: skip
REST_S = 0.05


class Ground(Protocol):
    """What a call is relayed with: connections to providers, what is known of deployments, and where calls wait."""

    upstream: Upstream
    router: Router
    room: WaitingRoom


async def relay(ground: Ground, meter: Meter, stop: Stop) -> AsyncGenerator[Event]:
    """The answer to an admitted call, piece by piece. Raises `ProviderFailure`, `JournalUnwritable`,
    `LedgerUnreachable` and `Stopped`; `InvalidRequest` where nobody can be asked this, `NoDeployment` where nobody may
    be asked, and what `Seated` raises where there is no room."""
    asking = _Asking(ground, meter, stop)
    async for attempt in asking.attempts():
        with attempt:
            if not await asking.puts(attempt):
                continue
            has_begun = False
            try:
                async with aclosing(asking.streamed(attempt)) as events:
                    async for event in events:
                        if not has_begun:
                            has_begun = True
                            asking.answered(attempt)
                        yield event
                asking.succeeded(attempt)
                return
            except failures.ProviderFailure as failure:
                if not asking.goes_on_after(failure, attempt, has_begun=has_begun):
                    raise
    raise asking.refusal()


async def relay_whole(ground: Ground, meter: Meter, stop: Stop) -> Event:
    """The same of an answer that comes all at once."""
    asking = _Asking(ground, meter, stop)
    async for attempt in asking.attempts():
        with attempt:
            if not await asking.puts(attempt):
                continue
            try:
                answer = await asking.whole(attempt)
            except failures.ProviderFailure as failure:
                if not asking.goes_on_after(failure, attempt, has_begun=False):
                    raise
            else:
                asking.answered(attempt)
                asking.succeeded(attempt)
                return answer
    raise asking.refusal()


class _Asking:
    """One call on its way to one deployment after another."""

    __slots__ = ("_choice", "_failed", "_ground", "_meter", "_patience", "_stop", "_unable")

    def __init__(self, ground: Ground, meter: Meter, stop: Stop) -> None:
        self._ground, self._meter, self._stop = ground, meter, stop
        self._patience = Patience(ground.upstream.timeouts, meter.admitted.route)
        meter.choice = self._choice = ground.router.choose(meter.admitted)
        self._unable: InvalidRequest | None = None
        self._failed: failures.ProviderFailure | None = None

    def attempts(self) -> Seated:
        """The deployments, each when there is room."""
        return Seated(self._choice, self._ground.room, self._meter, self._stop)

    async def puts(self, attempt: Attempt) -> bool:
        """Make the request that the deployment is sent next; False where it cannot be asked this, but another may."""
        meter, asked = self._meter, self._meter.asked
        attempt.provider = provider = provider_of(attempt.target)
        try:
            is_long = asked.is_heavy or provider.is_slow
            attempt.request = await apart(is_long, provider.request, attempt.target, asked)
        except InvalidRequest as error:
            self._unable = error
            attempt.cannot()
            return False
        self._stop.check()  # it may have been settled meanwhile
        if self._failed is not None:
            meter.goes_elsewhere(self._failed)
            if meter.hold.is_overdrawn:  # what that attempt cost leaves too little of a budget for another
                raise self.refusal()
        attempt.is_sent()
        meter.tries(attempt.target, attempt.route.slug)
        self._patience.of_attempt(attempt.patience_s)
        return True

    def answered(self, attempt: Attempt) -> None:
        """The first of its answer is here."""
        attempt.answered()
        self._meter.timeline.answers()

    def succeeded(self, attempt: Attempt) -> None:
        """Its answer came to its end."""
        attempt.succeeded()
        self._meter.timeline.ends()

    def goes_on_after(self, failure: failures.ProviderFailure, attempt: Attempt, *, has_begun: bool) -> bool:
        """Whether the next may be asked."""
        attempt.failed(failure)
        self._meter.timeline.ends(failure)
        if has_begun or not failure.may_try_elsewhere:
            return False
        # It is kept, and by its traceback would keep the frames that keep it, with all that was asked.
        self._failed = failure.with_traceback(None)
        failure.__cause__ = failure.__context__ = None
        return True

    def refusal(self) -> Refusal:
        """Why there is no answer. It is not kept here when it is raised."""
        failed, self._failed = self._failed, None
        unable, self._unable = self._unable, None
        return failed or unable or self._choice.refusal()

    async def whole(self, attempt: Attempt) -> Event:
        """The answer of one deployment, all at once."""
        target, upstream, meter, stop = attempt.target, self._ground.upstream, self._meter, self._stop
        provider = attempt.provider
        exchange, url = await _open(attempt, provider, upstream, meter, self._patience, stop)
        self._patience.has_begun()
        try:
            reading = provider.reading(meter.asked)
            answer = _understood(reading.whole, await whole(exchange, LARGEST_ANSWER, self._patience, stop))
            meter.saw(answer.chunk)
        except _OF_READING as error:
            raise _failure(error, target, meter, self._patience) from error
        finally:
            upstream.done(exchange, url)
        return answer

    async def streamed(self, attempt: Attempt) -> AsyncGenerator[Event]:
        """The answer of one deployment, piece by piece."""
        target, upstream, meter, stop = attempt.target, self._ground.upstream, self._meter, self._stop
        provider = attempt.provider
        exchange, url = await _open(attempt, provider, upstream, meter, self._patience, stop)
        try:
            reading = provider.reading(meter.asked)
            async for event in _streamed(target, provider, reading, exchange, meter, self._patience, stop):
                yield event
        except _OF_READING as error:
            raise _failure(error, target, meter, self._patience) from error
        finally:
            upstream.done(exchange, url)


_OF_READING = (Unreadable, ToldNo, Dropped, TooSlow, TooLarge, EventTooLarge)  # what can go wrong with an answer


def _failure(error: Exception, target: Target, meter: Meter, patience: Patience) -> failures.ProviderFailure:
    """What the caller is told when an answer could not be read to its end."""
    name = target.provider_name
    match error:
        case Unreadable():
            meter.was_told_no(error.told)
            return failures.ProviderMalformed(f"{name} {error}.")
        case ToldNo():
            meter.was_told_no(error.told)
            return failures.from_error(target, error.error)
        case Dropped():
            return failures.ProviderDropped(f"{name} broke off in the middle of its answer.")
        case TooSlow():
            return _too_slow(target, patience, f"has sent nothing of an answer for {patience.waits_s:g}")
    return failures.ProviderMalformed(f"{name} sent more than an answer can be.")


def _too_slow(target: Target, patience: Patience, said: str) -> failures.ProviderFailure:
    if patience.is_over:
        return failures.CallTooLong(
            f"{target.provider_name} has not come to the end of its answer within {patience.total_s:g} seconds, "
            "which is the longest that a call may take."
        )
    return failures.ProviderSilent(f"{target.provider_name} {said} seconds.")


async def _open(
    attempt: Attempt, provider: Provider, upstream: Upstream, meter: Meter, patience: Patience, stop: Stop
) -> tuple[Answering, str]:
    """Send the request and return with a head that says 200. Then it is kept no longer: a stream may take an hour."""
    target, request = attempt.target, attempt.request
    attempt.request = None
    patient_until = time.monotonic() + provider.patience_s
    while True:
        if request is None:
            request = await apart(provider.is_slow, provider.request, target, meter.asked)  # at another address
        if (kept := meter.sends_to(target, attempt.grant)) is not None:
            await stop.heard_in(kept)
            stop.check()
            meter.is_kept()
        try:
            return await _attempt(target, provider, request, upstream, meter, patience, stop)
        except failures.ProviderFailure as failure:
            # The local model server is being restarted, or still loads: it will be there in a moment.
            may_wait = isinstance(failure, failures.ProviderUnreachable) or failure.status == 503
            if not may_wait or time.monotonic() >= patient_until:
                raise
        await stop.pause(RETRY_LOCAL_EVERY_S)
        request = None


async def _attempt(
    target: Target,
    provider: Provider,
    request: Request,
    upstream: Upstream,
    meter: Meter,
    patience: Patience,
    stop: Stop,
) -> tuple[Answering, str]:
    url = request.url
    own = f"x-client-request-id: {meter.id_text}\r\n{meter.trace_lines()}".encode("latin-1")
    try:
        if not url:
            raise ConnectFailed("it has not started yet")
        patience.was_sent()
        sent = Request(url, {**SENT, **request.headers}, request.body, request.own + own)
        exchange = await provider.send(upstream, target, sent, patience.left_s(), stop)
    except ConnectFailed as error:
        meter.was_refused()
        raise failures.ProviderUnreachable(
            f"{target.provider_name} cannot be reached ({error}). Please try again later."
        ) from error
    except Dropped as error:
        raise failures.ProviderDropped(f"{target.provider_name} broke off before it answered.") from error
    except TooSlow as error:
        raise _too_slow(target, patience, f"has not answered within {patience.waits_s:g}") from error
    except TooLarge as error:
        raise failures.ProviderMalformed(f"{target.provider_name} sent more than an answer can be.") from error
    if exchange.status == 200:
        return exchange, url
    meter.was_refused()
    try:
        patience.counts()
        said = await whole(exchange, LARGEST_ERROR, patience, stop, each_piece_counts=False)
    except (Dropped, TooSlow, TooLarge):
        said = b""
    finally:
        upstream.done(exchange, url)
    raise failures.from_status(target, exchange.status, exchange.headers, said)


async def _streamed(
    target: Target, provider: Provider, reading: Reading, exchange: Answering, meter: Meter, patience: Patience,
    stop: Stop,
) -> AsyncGenerator[Event]:  # fmt: skip
    if provider.streams_as not in exchange.headers.get("content-type", ""):
        meter.saw(_understood(reading.whole, await whole(exchange, LARGEST_ANSWER, patience, stop)).chunk)
        raise failures.ProviderMalformed(f"{target.provider_name} answered all at once where a stream was asked for.")
    parser = reading.parser()
    size, has_begun = 0, False
    while piece := await exchange.read(patience.left_s(), stop):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise TooLarge(f"the answer is larger than {LARGEST_ANSWER} bytes")
        events = _understood(parser.feed, piece)
        for told in events:
            event = _understood(reading.event, told)
            if event is not None:
                has_begun = True
                meter.saw(event.chunk)
                yield event
            if reading.is_over:
                if not has_begun:
                    raise Unreadable("ended its answer before there was any")
                await _rest(exchange, stop)
                return
        if events:
            patience.counts()
    if not meter.finish_reason:  # some end without saying so; without a reason to finish it was cut off
        raise failures.ProviderDropped(f"{target.provider_name} ended in the middle of its answer.")


def _understood[Told, Meaning](read: Callable[[Told], Meaning], told: Told) -> Meaning:
    """What `read` makes of what a provider sent. That may be anything, so whatever breaks on it is `Unreadable`."""
    try:
        return read(told)
    except (Refusal, Unreadable, ToldNo, EventTooLarge):
        raise
    except Exception as error:
        log.exception("What a provider sent broke its reading.")
        raise Unreadable("sent what cannot be understood") from error


async def _rest(exchange: Answering, stop: Stop) -> None:
    """Read the end of the body after [DONE], so that the connection can be kept; it has a moment, whatever it sends."""
    until = time.monotonic() + REST_S
    try:
        while (left_s := until - time.monotonic()) > 0 and await exchange.read(left_s, stop):
            pass
    except (Dropped, TooSlow):
        return
