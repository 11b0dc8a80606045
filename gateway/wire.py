"""Read requests and send answers of `/v1` in plain ASGI: the body with its bound, the headers every answer carries."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from gateway.asked import InvalidRequest
from gateway.caller import Caller
from gateway.extent import HEAVY, PIECE, Turns, apart, check_extent
from gateway.forms.chat import CHAT
from gateway.forms.form import Form, Writing
from gateway.options import options
from gateway.rates import Headroom
from gateway.tracing import Trace, begun, trace_of
from gateway.wire_errors import error_headers
from refusals import Refusal
from tenants.client_address import Address, client_address

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

# What every answer carries: nothing here is a page, so nothing in it may be run, loaded or framed.
_ALWAYS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
# What a call may say beside its body; most say nothing of it, which is asked once.
_BESIDE = frozenset((b"x-atrium-purpose", b"x-atrium-data-class", b"x-atrium-max-wait", b"x-atrium-explain"))


# A run of 19 digits is looked for where every digit is a 0: quicker than an expression by far, in megabytes of text.
_DIGITS, _LONG_NUMBER = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 19
_WHOLE = range(-(2**63), 2**64)  # the whole numbers that are read and written as they are
_turns = Turns()
REST_WITHIN_S = 0.1  # how long the rest of a request is waited for whose sender is refused


class BodyTooLarge(Refusal):
    code = "request_too_large"
    status = 413
    title = "The request is too large"


def _too_large(largest: int) -> BodyTooLarge:
    return BodyTooLarge(f"A request may have at most {largest // 1_048_576} MB. Send less at once.")


class BodyTooSlow(Refusal):
    code = "request_timeout"
    status = 408
    title = "The request took too long to arrive"


def _too_slow() -> BodyTooSlow:
    return BodyTooSlow("The request's body did not arrive in time. Please send it again.")


class ClientLeft(Exception):
    """The client closed the connection before its request was whole: there is nobody to answer."""


def _refuse_changed_numbers(body: bytes) -> None:
    """Raise `InvalidRequest` for a whole number that would reach the provider as another one."""

    def kept(text: str) -> int:
        number = int(text) if len(text) < 25 else 2**64
        if number not in _WHOLE:
            raise InvalidRequest(
                f"The number {text[:60]} is too large to be passed on as it is. Send a number of at most 18 digits."
            )
        return number

    try:
        json.loads(body, parse_int=kept)
    except (ValueError, RecursionError):
        return  # no JSON, or nested too deep: told where it is read


def _overlapping(body: bytes) -> Iterator[bytes]:
    """`body` in pieces, so that another thread may run in between; none of its long numbers is cut in all of them."""
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE + len(_LONG_NUMBER)]


def _parsed(body: bytes) -> Any:
    """What a body says. Raises `InvalidRequest` and `TooMuchInIt`."""
    check_extent(body)
    if any(_LONG_NUMBER in piece.translate(_DIGITS) for piece in _overlapping(body)):
        _refuse_changed_numbers(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"The request's body is not valid JSON ({error.msg}, {where}).") from error


def _one_after_the_other[Made](
    reading: Callable[[Any], Made], weighing: Callable[[Made], Made] | None, body: bytes
) -> Made:
    made = reading(_parsed(body))
    return made if weighing is None else weighing(made)


class Exchange:
    """One request of a client and the answer to it."""

    has_begun = is_heavy = _is_late = _is_read = False
    _trace: Trace | None = None
    body_bytes = 0  # of the request, once it was read
    form: Form = CHAT  # in which it is answered; OpenAI's until another is known
    writing: Writing | None = None  # what writes the answer, once there may be one
    caller: Caller | None = None  # once they are known, and what they ask
    model = ""
    headroom: Callable[[], Mapping[str, Headroom]] = dict  # what limits leave the caller, once that is known
    is_getting_heavy: Callable[[], object] = bool  # called as soon as a body is; refuses who may make no call

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.came_at = time.monotonic()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.receive = receive
        self._send = send
        self._fields: dict[bytes, bytes] = dict(scope["headers"])  # names are in small letters, as ASGI has it
        self._scope = scope
        self.says_more = not _BESIDE.isdisjoint(self._fields)
        asked = self.header(b"x-request-id") if b"x-request-id" in self._fields else ""
        self.request_id = asked if asked and _REQUEST_ID.fullmatch(asked) else os.urandom(16).hex()

    def header(self, name: bytes) -> str:
        """A header of the request, empty when it was not sent."""
        value = self._fields.get(name)
        return "" if value is None else bytes(value).decode("latin-1")

    @property
    def authorization(self) -> str:
        """The `Authorization` header; Anthropic's clients may send the key alone, in one of their own."""
        if stated := self.header(b"authorization"):
            return stated
        key = self.header(b"x-api-key")
        return f"Bearer {key}" if key else ""

    @property
    def wants_explanation(self) -> bool:
        """Whether its caller asks why the call goes as it does."""
        return self.says_more and self.header(b"x-atrium-explain").lower() in ("1", "true", "yes")

    def client_address(self) -> Address | None:
        """Where the client calls from; None where that cannot be told."""
        peer = str((self._scope.get("client") or ("",))[0] or "")
        return client_address(peer, ",".join(self._all(b"x-forwarded-for")))

    @property
    def trace(self) -> Trace:
        """The trace that the client names, or a new one."""
        if self._trace is None:
            is_named = b"traceparent" in self._fields
            self._trace = trace_of(self._all(b"traceparent"), self._all(b"tracestate")) if is_named else begun()
        return self._trace

    def _all(self, wanted: bytes) -> list[str]:
        """A header of which there may be several."""
        return [value.decode("latin-1") for name, value in self._scope["headers"] if name.lower() == wanted]

    async def read[Made](self, reading: Callable[[Any], Made], weighing: Callable[[Made], Made] | None = None) -> Made:
        """What `reading` makes of the request's parsed body; of one that `is_heavy` in a thread, and then `weighing`.

        Raises `BodyTooLarge`, `BodyTooSlow`, `TooMuchInIt`, `LargeRequestsWaiting`, `TooManyLargeRequests`,
        `InvalidRequest`, `ClientLeft`, and what `reading` and `is_getting_heavy` raise.
        """
        body = await self._body(options.gateway_largest_body)
        self.body_bytes = len(body)
        if not self.is_heavy:
            return reading(_parsed(body))
        return await self.made(len(body), lambda: _one_after_the_other(reading, weighing, body))

    async def made[Made](self, size: int, work: Callable[[], Made]) -> Made:
        """What `work` makes of `size` bytes, which is much: in a thread, when it is the caller's turn. Raises
        `LargeRequestsWaiting`, `TooManyLargeRequests` and what `work` raises."""
        with _turns.waiting(self.caller.tenant_id if self.caller else None, size):
            return await apart(True, work)

    async def _body(self, largest: int) -> bytes:
        announced = self._fields.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > largest:
            raise _too_large(largest)
        task, within_s = asyncio.current_task(), options.gateway_body_timeout_s
        timer = asyncio.get_running_loop().call_later(within_s, self._is_too_slow, task)
        try:
            message = await self.receive()
            pieces: list[bytes] = []
            size, until = 0, self.came_at + within_s
            while True:
                if message["type"] != "http.request":
                    raise ClientLeft
                piece = message.get("body", b"")
                size += len(piece)
                if size > largest:
                    raise _too_large(largest)
                if size > HEAVY and not self.is_heavy:
                    self.is_heavy = True
                    self.is_getting_heavy()
                if not message.get("more_body"):
                    self._is_read = True
                    return b"".join([*pieces, piece]) if pieces else piece
                pieces.append(piece)
                if self._is_late or time.monotonic() >= until:  # pieces that are there let no timer run
                    raise _too_slow()
                message = await self.receive()
        except asyncio.CancelledError:
            if self._is_late and task is not None and not task.uncancel():
                raise _too_slow() from None
            raise
        finally:
            timer.cancel()

    def _is_too_slow(self, reader: asyncio.Task[Any] | None) -> None:
        self._is_late = True
        if reader is not None:
            reader.cancel()

    async def begin(
        self, status: int, content_type: bytes, headers: Headers = (), *, length: int | None = None
    ) -> None:
        """Send the head of the answer."""
        self.has_begun = True
        request_id = self.request_id.encode()
        fields = [(b"content-type", content_type), *_ALWAYS, *self.form.headroom(self.headroom()), *headers]
        for name in self.form.id_headers:
            fields.append((name, request_id))
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def piece(self, body: bytes, *, is_last: bool = False) -> None:
        """Send a piece of the answer's body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})

    async def answer(
        self, status: int, body: bytes, headers: Headers = (), content_type: bytes = b"application/json"
    ) -> None:
        """Send a whole answer."""
        await self.begin(status, content_type, headers, length=len(body))
        await self.piece(body, is_last=True)

    async def refuse(self, refusal: Refusal, headers: Headers = ()) -> None:
        """Send a refusal in the client's form; in the middle of a stream it is the last event."""
        if self.has_begun:
            await self.piece((self.writing or self.form).last_words(refusal, self.request_id), is_last=True)
        else:
            if exceeded := refusal.facts.get("headroom"):  # the limit that refuses is the one to be told
                left = self.headroom()
                self.headroom = lambda: {**left, **exceeded}
            body = self.form.refusal(refusal, self.request_id)
            kept = () if self._is_read or await self._takes_rest() else ((b"connection", b"close"),)
            await self.answer(refusal.status, body, [*error_headers(refusal), *headers, *kept])

    async def _takes_rest(self) -> bool:
        """Take what is left of the request of who is refused before it was read, if that is little and there already:
        the server closes a connection on which something is left, and tells the client nothing of it."""
        announced = self._fields.get(b"content-length", b"0")
        if self._is_late or b"transfer-encoding" in self._fields or not announced.isdigit() or int(announced) > HEAVY:
            return False
        try:
            async with asyncio.timeout(REST_WITHIN_S):
                while not self._is_read:
                    message = await self.receive()
                    if message["type"] != "http.request":
                        return False
                    self._is_read = not message.get("more_body")
        except TimeoutError:
            return False
        return True
