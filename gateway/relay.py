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
    """The answer to an admitted call. Raises `ProviderFailure`, `JournalUnwritable`, `LedgerUnreachable` and
    `Stopped`; `InvalidRequest` where nobody can be asked this, `NoDeployment` where nobody may be asked, and what
    `Seated` raises where there is no room."""
    admitted, upstream = meter.admitted, ground.upstream
    patience = Patience(upstream.timeouts, admitted.route)
    meter.choice = choice = ground.router.choose(admitted)
    unable: InvalidRequest | None = None
    failed: failures.ProviderFailure | None = None
    async for attempt in Seated(choice, ground.room, meter, stop):
        with attempt:
            try:
                provider = provider_of(attempt.target)
                is_long = admitted.asked.is_heavy or provider.is_slow
                request = await apart(is_long, provider.request, attempt.target, admitted.asked)
                stop.check()  # it may have been settled meanwhile
            except InvalidRequest as error:  # another one may be able to take it
                unable = error
                attempt.cannot()
                continue
            if failed is not None:
                meter.goes_elsewhere(failed)
                if meter.hold.is_overdrawn:  # what that attempt cost leaves too little of a budget for another
                    raise failed
            attempt.is_sent()
            patience.of_attempt(attempt.patience_s)
            has_begun = False
            try:
                async with aclosing(_from(attempt, request, upstream, meter, patience, stop)) as events:
                    async for event in events:
                        if not has_begun:
                            has_begun = True
                            attempt.answered()
                        yield event
                attempt.succeeded()
                return
            except failures.ProviderFailure as failure:
                attempt.failed(failure)
                if has_begun or not failure.may_try_elsewhere:
                    raise
                failed = failure
    raise failed or unable or choice.refusal()


async def _from(
    attempt: Attempt, request: Request, upstream: Upstream, meter: Meter, patience: Patience, stop: Stop
) -> AsyncGenerator[Event]:
    """The answer of one deployment."""
    target, asked = attempt.target, meter.admitted.asked
    provider = provider_of(target)
    exchange, url = await _open(attempt, provider, request, upstream, meter, patience, stop)
    if not asked.is_streamed:
        patience.has_begun()
    reading = provider.reading(asked)
    try:
        if asked.is_streamed:
            async for event in _streamed(target, provider, reading, exchange, meter, patience, stop):
                yield event
        else:
            answer = _understood(reading.whole, await whole(exchange, LARGEST_ANSWER, patience, stop))
            meter.saw(answer.chunk)
            yield answer
    except Unreadable as error:
        meter.was_told_no(error.told)
        raise failures.ProviderMalformed(f"{target.provider_name} {error}.") from error
    except ToldNo as error:
        meter.was_told_no(error.told)
        raise failures.from_error(target, error.error) from error
    except Dropped as error:
        raise failures.ProviderDropped(f"{target.provider_name} broke off in the middle of its answer.") from error
    except TooSlow as error:
        raise _too_slow(target, patience, f"has sent nothing of an answer for {patience.waits_s:g}") from error
    except (TooLarge, EventTooLarge) as error:
        raise failures.ProviderMalformed(f"{target.provider_name} sent more than an answer can be.") from error
    finally:
        upstream.done(exchange, url)


def _too_slow(target: Target, patience: Patience, said: str) -> failures.ProviderFailure:
    if patience.is_over:
        return failures.CallTooLong(
            f"{target.provider_name} has not come to the end of its answer within {patience.total_s:g} seconds, "
            "which is the longest that a call may take."
        )
    return failures.ProviderSilent(f"{target.provider_name} {said} seconds.")


async def _open(
    attempt: Attempt, provider: Provider, request: Request, upstream: Upstream, meter: Meter, patience: Patience,
    stop: Stop,
) -> tuple[Answering, str]:  # fmt: skip
    """Send the request and return with a head that says 200."""
    target = attempt.target
    patient_until = time.monotonic() + provider.patience_s
    while True:
        if (kept := meter.sends_to(target, attempt.grant)) is not None:
            await stop.heard_in(kept)
            stop.check()
            meter.is_kept()
        try:
            return await _attempt(target, request, upstream, meter, patience, stop)
        except failures.ProviderFailure as failure:
            # The local model server is being restarted, or still loads: it will be there in a moment.
            may_wait = isinstance(failure, failures.ProviderUnreachable) or failure.status == 503
            if not may_wait or time.monotonic() >= patient_until:
                raise
        await stop.pause(RETRY_LOCAL_EVERY_S)
        request = await apart(provider.is_slow, provider.request, target, meter.admitted.asked)  # at another address


async def _attempt(
    target: Target, request: Request, upstream: Upstream, meter: Meter, patience: Patience, stop: Stop
) -> tuple[Answering, str]:
    url = request.url
    headers = SENT | {"x-client-request-id": str(meter.call_id)} | meter.trace.headers() | request.headers
    try:
        if not url:
            raise ConnectFailed("it has not started yet")
        patience.was_sent()
        sent = request._replace(headers=headers)
        exchange = await provider_of(target).send(upstream, target, sent, patience.left_s(), stop)
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
