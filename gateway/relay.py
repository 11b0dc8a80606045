"""Pass a call on to a deployment and its answer back, event by event, as it comes.

Until the first event nothing has been promised to the caller, so the next deployment may be tried; after it whatever
goes wrong is told as the end of the stream.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson
from django.conf import settings

from gateway import failures
from gateway.admission import InvalidRequest
from gateway.metering import Meter
from gateway.patience import Patience, whole
from gateway.routing import address_of, targets_in_order
from gateway.snapshot import Target
from gateway.sse import EventParser, EventTooLarge, ServerSentEvent
from gateway.stop import Stop
from gateway.upstream import ConnectFailed, Dropped, Exchange, TooLarge, TooSlow, Upstream

LARGEST_ERROR = 256 * 1024
LARGEST_ANSWER = 64 * 1024 * 1024
DONE = b"[DONE]"
RETRY_LOCAL_EVERY_S = 0.25
REST_S = 0.05


class Event(NamedTuple):
    """One piece of the answer: the provider's own bytes, and what they mean. Not streamed, it is all of it."""

    data: bytes
    chunk: dict[str, Any]


async def relay(upstream: Upstream, meter: Meter, stop: Stop) -> AsyncGenerator[Event]:
    """The answer to an admitted call. Raises `ProviderFailure`, `JournalUnwritable` and `Stopped`."""
    targets = targets_in_order(meter.admitted.route)
    patience = Patience(upstream.timeouts)
    for target in targets:
        has_begun = False
        try:
            async with aclosing(_from(target, upstream, meter, patience, stop)) as events:
                async for event in events:
                    has_begun = True
                    yield event
            return
        except failures.ProviderFailure as failure:
            if has_begun or target is targets[-1] or not failure.may_try_elsewhere:
                raise
            meter.goes_elsewhere(failure)
            if meter.hold.is_overdrawn:  # what this attempt cost leaves too little of a budget for another
                raise


async def _from(
    target: Target, upstream: Upstream, meter: Meter, patience: Patience, stop: Stop
) -> AsyncGenerator[Event]:
    """The answer of one deployment."""
    exchange, url = await _open(target, upstream, meter, patience, stop)
    patience.has_begun()
    try:
        if meter.admitted.body.get("stream"):
            async for event in _streamed(target, exchange, meter, patience, stop):
                yield event
        else:
            body = await whole(exchange, LARGEST_ANSWER, patience, stop)
            answer = _checked(target, body, meter)
            meter.saw(answer)
            yield Event(body, answer)
    except Dropped as error:
        raise failures.ProviderDropped(f"{target.provider_name} broke off in the middle of its answer.") from error
    except TooSlow as error:
        raise _too_slow(target, patience, f"has sent nothing of an answer for {upstream.timeouts.idle_s:g}") from error
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
    target: Target, upstream: Upstream, meter: Meter, patience: Patience, stop: Stop
) -> tuple[Exchange, str]:
    """Send the request and return with a head that says 200."""
    body = _request(target, meter.admitted.body)
    headers = {"content-type": "application/json", "accept": "text/event-stream, application/json",
               "x-client-request-id": str(meter.call_id),  # what the provider logs about the call can be found by it
               "accept-encoding": "identity", "user-agent": "atrium"}  # fmt: skip
    if target.credential:
        headers["authorization"] = f"Bearer {target.credential}"
    patient_until = time.monotonic() + (settings.LOCAL_MODEL_PATIENCE_S if target.dialect == "local" else 0)
    while True:
        meter.sends_to(target)
        try:
            return await _attempt(target, upstream, meter, headers, body, patience, stop)
        except failures.ProviderFailure as failure:
            # The local model server is being restarted, or still loads: it will be there in a moment.
            may_wait = isinstance(failure, failures.ProviderUnreachable) or failure.status == 503
            if not may_wait or time.monotonic() >= patient_until:
                raise
        await stop.pause(RETRY_LOCAL_EVERY_S)


async def _attempt(
    target: Target,
    upstream: Upstream,
    meter: Meter,
    headers: dict[str, str],
    body: bytes,
    patience: Patience,
    stop: Stop,
) -> tuple[Exchange, str]:
    url = address_of(target)
    try:
        if not url:
            raise ConnectFailed("it has not started yet")
        patience.was_sent()
        exchange = await upstream.post(url, headers, body, patience.left_s(), stop)
    except ConnectFailed as error:
        meter.was_refused()
        raise failures.ProviderUnreachable(
            f"{target.provider_name} cannot be reached ({error}). Please try again later."
        ) from error
    except Dropped as error:
        raise failures.ProviderDropped(f"{target.provider_name} broke off before it answered.") from error
    except TooSlow as error:
        raise _too_slow(target, patience, f"has not answered within {upstream.timeouts.first_byte_s:g}") from error
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


def _request(target: Target, body: dict[str, Any]) -> bytes:
    """The caller's request with the deployment's own name; in a stream the provider is asked to tell the usage.

    Raises `InvalidRequest`.
    """
    sent = body | {"model": target.upstream_name}
    if body.get("stream"):
        sent["stream_options"] = (body.get("stream_options") or {}) | {"include_usage": True}
    try:
        return orjson.dumps(sent)
    except orjson.JSONEncodeError as error:  # it reads deeper than it writes
        raise InvalidRequest("The request is nested too deep. Nothing takes more than 250 levels.") from error


async def _streamed(
    target: Target, exchange: Exchange, meter: Meter, patience: Patience, stop: Stop
) -> AsyncGenerator[Event]:
    if "text/event-stream" not in exchange.headers.get("content-type", ""):
        meter.saw(_checked(target, await whole(exchange, LARGEST_ANSWER, patience, stop), meter))
        raise failures.ProviderMalformed(f"{target.provider_name} answered all at once where a stream was asked for.")
    wants_usage = bool((meter.admitted.body.get("stream_options") or {}).get("include_usage"))
    parser = EventParser()
    while piece := await exchange.read(patience.left_s(), stop):
        events = parser.feed(piece)
        for event in events:
            if event.data.strip() == DONE:
                await _rest(exchange, stop)
                return
            chunk = _parsed(target, event, meter)
            meter.saw(chunk)
            if wants_usage or chunk.get("choices") or "usage" not in chunk:
                yield Event(event.data, chunk)
        if events:
            patience.counts()
    if not meter.finish_reason:  # some end without [DONE]; without a reason to finish it was cut off
        raise failures.ProviderDropped(f"{target.provider_name} ended in the middle of its answer.")


async def _rest(exchange: Exchange, stop: Stop) -> None:
    """Read the end of the body after [DONE], so that the connection can be kept; it has a moment, whatever it sends."""
    until = time.monotonic() + REST_S
    try:
        while (left_s := until - time.monotonic()) > 0 and await exchange.read(left_s, stop):
            pass
    except (Dropped, TooSlow):
        return


def _parsed(target: Target, event: ServerSentEvent, meter: Meter) -> dict[str, Any]:
    try:
        chunk = orjson.loads(event.data)
    except orjson.JSONDecodeError as error:
        meter.was_told_no()
        raise failures.ProviderMalformed(f"{target.provider_name} sent an event that cannot be read.") from error
    if not isinstance(chunk, dict):
        meter.was_told_no()
        raise failures.ProviderMalformed(f"{target.provider_name} sent an event that is no answer.")
    if chunk.get("error") is not None or event.type == b"error":
        meter.was_told_no(chunk)
        raise failures.from_error(target, chunk.get("error", chunk))
    return chunk


def _checked(target: Target, body: bytes, meter: Meter) -> dict[str, Any]:
    """A whole answer as it should be."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        meter.was_told_no()
        raise failures.ProviderMalformed(f"{target.provider_name} sent an answer that cannot be read.") from error
    if isinstance(answer, dict) and answer.get("error") is not None:
        meter.was_told_no(answer)
        raise failures.from_error(target, answer["error"])
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list):
        meter.was_told_no(answer)
        raise failures.ProviderMalformed(f"{target.provider_name} sent an answer without choices.")
    return answer
