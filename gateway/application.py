"""The front door: a small ASGI application of its own for `/v1`, in every form of `gateway.forms`, and `/metrics`.

It also takes the server's start-up and shut-down messages, because it has a snapshot to load and a journal to empty.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hmac
import logging
import math
import time
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from ipaddress import ip_address
from typing import Any

import orjson
from django.conf import settings

from gateway import access_log, telemetry
from gateway.admission import ModelNotFound, admit, as_known_now, authenticate, check_still_allowed, held_places
from gateway.asked import Asked, InvalidRequest, Stated, checked_object
from gateway.call_headers import call_headers
from gateway.caller import Caller
from gateway.conditions import stated
from gateway.costing import counted_input, weighed
from gateway.ending import when_told_to_stop
from gateway.explaining import Explanation, account, as_header, as_json, explanation
from gateway.extent import apart
from gateway.forms import FORMS, form_of
from gateway.forms.form import Form, Writing
from gateway.forms.messages import MESSAGES
from gateway.forms.responses import RESPONSES
from gateway.holding import refuse_without_room
from gateway.leaked import refuse_key_in_address
from gateway.leaving import Leaving
from gateway.operations import no_such, require
from gateway.pipeline import Call, begin
from gateway.rates import Headroom
from gateway.responses.going_on import asked_with_all_before, previous_in
from gateway.responses.refusals import ResponseNotFound
from gateway.responses.serving import serve
from gateway.responses.storing import begin_to_store, end_of
from gateway.runtime import Runtime, current_snapshot, here, runtime
from gateway.snapshot import Route
from gateway.told import as_usage
from gateway.wire import ClientLeft, Exchange, Receive, Scope, Send
from refusals import Refusal

log = logging.getLogger(__name__)


class InternalError(Refusal):
    code = "internal_error"
    status = 500
    title = "Something broke on our side"


class Gateway:
    """An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            exchange = Exchange(scope, receive, send)
            if exchange.path == "/metrics":
                await _metrics(exchange, scope)
            else:
                await _guarded(exchange)


async def _live(receive: Receive, send: Send) -> None:
    """Begin and end with the server. A database that is not there yet keeps nobody from starting."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            when_told_to_stop(here().begin_to_end)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await here().close()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _guarded(exchange: Exchange) -> None:
    """Answer; any refusal in the client's form, and nothing else ever."""
    try:
        await _answer(exchange)
    except ClientLeft:
        return
    except Refusal as refusal:
        telemetry.refused(refusal.code)
        access_log.refused(exchange, refusal)
        await _refuse(exchange, refusal)
    except Exception:
        log.exception("A request to %s broke.", exchange.path)
        await exchange.refuse(InternalError(f"Something broke on our side. Please quote {exchange.request_id}."))


async def _answer(exchange: Exchange) -> None:
    path = exchange.path.rstrip("/")
    exchange.form = form_of(path, exchange.header)
    if exchange.query:
        refuse_key_in_address(exchange.query, exchange.path, exchange.client_address, await runtime())
    if path in FORMS:
        require(exchange, "POST")
        await _call(exchange, FORMS[path])
    elif path == MESSAGES.count_path:
        require(exchange, "POST")
        await _count(exchange)
    elif path == "/v1/models":
        require(exchange, "GET")
        routes = await _routes(exchange)
        await exchange.answer(200, orjson.dumps(exchange.form.models(routes)))
    elif path.startswith("/v1/models/"):
        require(exchange, "GET")
        name = path.removeprefix("/v1/models/")
        found = [route for route in await _routes(exchange) if route.slug == name]
        if not found:
            raise ModelNotFound(f"There is no model “{name[:120]}” that this key may use.", field="model")
        await exchange.answer(200, orjson.dumps(exchange.form.model(found[0])))
    elif path.startswith(f"{RESPONSES.path}/"):
        await _stored(exchange, path.removeprefix(f"{RESPONSES.path}/"))
    else:
        raise no_such(exchange)


async def _caller(exchange: Exchange) -> Caller:
    """Who calls. A key that lets its bearer in was used, whatever becomes of the request."""
    held = await runtime()
    caller = authenticate(held.snapshot(), exchange.authorization, dt.datetime.now(dt.UTC), exchange.client_address)
    held.last_used[caller.key_prefix] = time.time()
    exchange.caller = caller
    exchange.headroom = partial(_headroom, held, caller)
    exchange.is_getting_heavy = partial(_refuse_without_room, held, caller)
    return caller


def _headroom(held: Runtime, caller: Caller) -> Mapping[str, Headroom]:
    return held.rates.headroom(held_places(held.snapshot(), caller))


def _refuse_without_room(held: Runtime, caller: Caller) -> None:
    refuse_without_room(held.rates, held_places(held.snapshot(), caller))


async def _routes(exchange: Exchange) -> list[Route]:
    """What the key may use and a provider is connected for."""
    caller = await _caller(exchange)
    snapshot = here().snapshot()
    check_still_allowed(snapshot, caller)  # nothing is told of an environment that was archived
    routes = snapshot.granted_routes(caller.environment_id, dt.datetime.now(dt.UTC), caller.routes)
    return [route for route in routes if any(target.is_connected for target in route.targets)]


async def _stored(exchange: Exchange, rest: str) -> None:
    """A stored response. It is no call and costs nothing, but is work, so it counts as a request."""
    caller = await _caller(exchange)
    held, snapshot = here(), here().snapshot()
    check_still_allowed(snapshot, caller)
    held.rates.count_request(held_places(snapshot, as_known_now(snapshot, caller)))
    await serve(exchange, held.responses, snapshot.bodies.get(caller.environment_id), caller, rest)


async def _count(exchange: Exchange) -> None:
    """How many tokens a prompt has, by our own count. Who may call may ask; it is no call and costs nothing, but is
    work, so it counts as a request."""
    caller = await _caller(exchange)
    said = _stated(exchange)
    asked = await exchange.read(MESSAGES.read_prompt, weighed)
    if said is not None:
        asked = dataclasses.replace(asked, stated=said)
    exchange.model = asked.model
    snapshot = here().snapshot()
    known = as_known_now(snapshot, caller)
    here().rates.count_request(held_places(snapshot, known))
    admitted = admit(snapshot, known, asked, exchange.request_id, dt.datetime.now(dt.UTC))
    counted = await apart(exchange.is_heavy, counted_input, admitted.routes, asked)
    await exchange.answer(200, orjson.dumps({"input_tokens": counted}))


async def _call(exchange: Exchange, form: Form) -> None:
    caller = await _caller(exchange)  # before the body is read: strangers do not get to send megabytes
    said = _stated(exchange)
    asked = await _asked(exchange, form, caller)
    if form.headers:
        sent = {name: value for name in form.headers if (value := exchange.header(name.encode()))}
        asked = dataclasses.replace(asked, headers=sent)
    if said is not None:
        beside = asked.stated.beside if asked.stated is not None else said.beside
        asked = dataclasses.replace(asked, stated=dataclasses.replace(said, beside=beside))
    exchange.model = asked.model
    held = here()
    call = await begin(
        held, caller, asked, exchange.request_id, max_wait_s=_max_wait_s(exchange), came_at=exchange.came_at
    )
    exchange.headroom = partial(held.rates.headroom, call.admitted.leave.held)
    call.meter.trace = exchange.trace
    if call.caught is not None:
        call.caught.request_bytes = exchange.body_bytes
    exchange.writing = writing = form.writing(form, asked)
    if form.is_stored:
        begin_to_store(call, writing, here().snapshot().bodies.get(caller.environment_id))
    leaving = Leaving(exchange)
    try:
        if call.is_streamed:
            await _streamed(exchange, call, writing, leaving)
        else:
            await _whole(exchange, call, writing)
    except asyncio.CancelledError:
        if not leaving.is_heeded():
            raise
    finally:
        leaving.forget()
        call.settle()
        call.told_all()


async def _asked(exchange: Exchange, form: Form, caller: Caller) -> Asked:
    """What the request asks; where it goes on from a stored response, with the conversation before it."""

    if not form.is_stored:
        return await exchange.read(form.read, weighed)

    def read(body: Any) -> Asked | None:
        if previous_in(body):
            going_on.append(body)
            return None
        return form.read(body)

    def weighed_if_read(asked: Asked | None) -> Asked | None:
        return None if asked is None else weighed(asked)

    going_on: list[Any] = []
    if (asked := await exchange.read(read, weighed_if_read)) is not None:
        return asked
    held, snapshot = here(), here().snapshot()
    rule, known = snapshot.bodies.get(caller.environment_id), as_known_now(snapshot, caller)
    try:
        return await asked_with_all_before(exchange, form, checked_object(going_on[0]), held.responses, rule, caller)
    except ResponseNotFound:  # it was looked for, which is work
        held.rates.count_request(held_places(snapshot, known))
        raise


def _stated(exchange: Exchange) -> Stated | None:
    """What the call says of itself beside its body; None for nothing. Raises `InvalidRequest`."""
    if not exchange.says_more:
        return None
    purpose, data_classes = exchange.header(b"x-atrium-purpose"), exchange.header(b"x-atrium-data-class")
    return stated(purpose, data_classes) if purpose or data_classes else None


def _max_wait_s(exchange: Exchange) -> float | None:
    """How long the call may wait for room at most, where its caller says so. Raises `InvalidRequest`."""
    if not exchange.says_more or not (said := exchange.header(b"x-atrium-max-wait")):
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InvalidRequest("“x-atrium-max-wait” is a number of seconds, such as 2.5; 0: do not wait at all.")
    return min(seconds, settings.GATEWAY_QUEUE_WAIT_S)


async def _whole(exchange: Exchange, call: Call, writing: Writing) -> None:
    try:
        answer = await call.whole()
    except Refusal as refusal:
        await _refuse(exchange, refusal, call)
        return
    writing.counted = _counted(call)
    if answer is not None:
        body = await end_of(call, writing, writing.whole(answer))
        if call.caught is not None:
            call.caught.told(body)
        await exchange.answer(200, body, _told(exchange, call))


async def _streamed(exchange: Exchange, call: Call, writing: Writing, leaving: Leaving) -> None:
    """Server-sent events. The head waits for the first of them: until then a failure still has its own status."""
    caught = call.caught
    try:
        async with aclosing(call.events()) as events:
            async for event in events:
                if not exchange.has_begun:
                    leaving.listen()
                    await _begin_stream(exchange, call)
                if sent := writing.event(event):
                    if caught is not None:
                        caught.told(sent)
                    await exchange.piece(sent)
    except Refusal as refusal:
        writing.counted = _counted(call)
        await _refuse(exchange, refusal, call)
        return
    if not exchange.has_begun:
        await _begin_stream(exchange, call)
    writing.counted = _counted(call)
    end = await end_of(call, writing, writing.end())
    told = b""
    if exchange.wants_explanation and call.summary is not None:
        told = _comment(account(call.summary) | _not_stored(call))
    if call.caught is not None:
        call.caught.told(end)
    await exchange.piece(told + end, is_last=True)


def _comment(told: Explanation) -> bytes:
    """A comment in a stream: clients pass over it (WHATWG HTML, "Server-sent events", 9.2.5), people can read it."""
    return b": x-atrium " + as_header(told) + b"\n\n"


async def _refuse(exchange: Exchange, refusal: Refusal, call: Call | None = None) -> None:
    """Tell the refusal, with the explanation where the caller wants it."""
    if exchange.wants_explanation and current_snapshot() is not None:
        meter = call.meter if call is not None else None
        refusal.facts["explanation"] = as_json(explanation(here(), exchange.caller, exchange.model, meter, refusal))
    await exchange.refuse(refusal, call_headers(call) if call is not None else ())


def _told(exchange: Exchange, call: Call) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with the explanation where the caller wants it."""
    headers = call_headers(call)
    if exchange.wants_explanation:
        told = explanation(here(), exchange.caller, exchange.model, call.meter)
        headers.append((b"x-atrium-explanation", as_header(told | _not_stored(call))))
    return headers


def _not_stored(call: Call) -> Explanation:
    return {"not_stored": call.not_stored} if call.not_stored else {}


def _counted(call: Call) -> dict[str, Any] | None:
    """What the call has used, as a chat completion tells it; None while that is not known."""
    if (told := call.summary) is None:
        return None
    written = told.cache_write_tokens or None
    return as_usage(told.input_tokens, told.output_tokens, told.cached_input_tokens, told.reasoning_tokens, written)


async def _begin_stream(exchange: Exchange, call: Call) -> None:
    no_buffering = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    await exchange.begin(200, b"text/event-stream; charset=utf-8", [*_told(exchange, call), *no_buffering])


async def _metrics(exchange: Exchange, scope: Scope) -> None:
    """For the one who holds the token; without a token set, for this machine alone."""
    token, given = settings.METRICS_TOKEN, exchange.header(b"authorization")
    if token:
        may = hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    else:
        may = not settings.SECURE_PROXY_SSL_HEADER and _is_here((scope.get("client") or ("",))[0])
    if may:
        await exchange.answer(200, telemetry.exposition(), content_type=b"text/plain; version=0.0.4; charset=utf-8")
    else:
        await exchange.answer(403, b"Send the metrics token as a bearer token.\n", content_type=b"text/plain")


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
