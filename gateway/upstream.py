"""Call providers: a small HTTP/1.1 client with a pool of kept connections, over asyncio and httptools (llhttp).

It does what the gateway needs and nothing else: POST with a body in memory, the answer in pieces as they come, no
redirects (a provider must not send us elsewhere), bounded heads, back-pressure, and an abort that the provider
notices at once. `benchmarks/gateway.py` says what it costs.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from catalog.egress import address_of, is_forbidden
from gateway.answering import Answering
from gateway.stop import Stop

LARGEST_HEAD = 64 * 1024
HIGH_WATER = 256 * 1024  # bytes held for a slow reader before the provider is asked to wait
KEEP_IDLE_S = 4.0  # below what servers keep (llama.cpp, uvicorn and Node 5 s), so that few close as we write
KEEP_IDLE_MOST = 100  # connections a provider


class UpstreamError(Exception):
    """The exchange broke; the text says how."""


class ConnectFailed(UpstreamError):
    """No connection: nothing reached the provider."""


class Dropped(UpstreamError):
    """The connection ended before the answer did."""


class TooSlow(UpstreamError):
    """Nothing came for too long."""


class TooLarge(UpstreamError):
    """More came than the gateway holds."""


class Origin(NamedTuple):
    host: str
    port: int
    is_secure: bool


class Timeouts(NamedTuple):
    """Seconds to connect, until an answer begins, between two pieces of it (events, in a stream), and for all of it."""

    connect_s: float = 5.0
    first_byte_s: float = 120.0
    idle_s: float = 60.0
    total_s: float = 1800.0


@lru_cache(maxsize=1024)
def parsed(url: str) -> tuple[Origin, str, str]:
    """The origin, the `Host` header and the path of `url`. Raises `ConnectFailed` for what is no http address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConnectFailed(f"not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        raise ConnectFailed("not an http address")
    origin = Origin(parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https")
    return origin, parts.netloc.rpartition("@")[2], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@lru_cache(maxsize=1024)
def _beginning(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[Origin, bytes]:
    """Where a request goes, and its head as far as many have it in common."""
    origin, host, path = parsed(url)
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return origin, f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{fields}".encode("latin-1")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class Exchange(asyncio.Protocol):
    """One connection, and the answer that is being read from it. Used by one caller at a time."""

    __slots__ = (
        "_body", "_ends_with_connection", "_error", "_has_head", "_heard", "_held", "_is_complete", "_is_paused",
        "_loop", "_may_stay", "_parser", "_received", "_timer", "_transport", "_wait_ends", "_wait_s", "_waiter",
        "headers", "idle_since", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body: deque[bytes] = deque()
        self._held = self._received = 0
        self._has_head = self._is_complete = self._ends_with_connection = self._is_paused = self._may_stay = False
        self._error: UpstreamError | None = None
        self._heard: select.poll | None = None  # tells whether something has come that nobody has read
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait_s = self._wait_ends = 0.0

    # --- what asyncio and llhttp call ----------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._parser is None:  # nobody asked for anything
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(Dropped("the answer is not HTTP"))
        if not self._has_head and self._received > LARGEST_HEAD:
            self._fail(TooLarge("the head of the answer is too large"))
        if self._held > HIGH_WATER and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._notify()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._has_head and not self._is_complete and self._ends_with_connection and error is None:
            self._is_complete = True
        elif not self._is_complete and self._error is None:
            self._error = Dropped("the connection was closed in the middle of the answer")
        self._notify()

    def on_message_begin(self) -> None:
        if self._is_complete:  # llhttp gives up and the connection is broken: whatever follows is no answer of ours
            raise ValueError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None  # noqa: S101  (llhttp calls this while it is fed)
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim answer; the real one follows
            self.headers.clear()
            return
        self._has_head = True
        self._ends_with_connection = not ({"content-length", "transfer-encoding"} & self.headers.keys())

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._held += len(body)

    def on_message_complete(self) -> None:
        if self._has_head:
            assert self._parser is not None  # noqa: S101
            self._is_complete, self._may_stay = True, self._parser.should_keep_alive()  # later llhttp has forgotten it

    # --- what the gateway calls ----------------------------------------------------------------------------------
    @property
    def is_reusable(self) -> bool:
        """Whether another request may go over it: the answer is complete, and the end of the connection is heard."""
        return self.is_open and self._is_complete and self._may_stay and not self._is_paused

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_read(self) -> bool:
        """Whether its answer was read to the end."""
        return self._is_complete and not self._body

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and nothing has come that nobody has read yet, such as its end; asks the kernel."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._heard is None:
            self._heard = select.poll()
            self._heard.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._heard.poll(0)

    async def request(self, head_and_body: list[bytes], timeout_s: float, stop: Stop) -> None:
        """Send, and wait for the head of the answer. For whom nobody waits any more nothing is sent."""
        stop.check()
        self.status, self.headers = 0, {}
        self._body.clear()
        self._held = self._received = 0
        self._has_head = self._is_complete = self._ends_with_connection = self._is_paused = self._may_stay = False
        self._error = None
        self._parser = httptools.HttpResponseParser(self)
        if self._transport is None:
            raise ConnectFailed("the connection was closed before anything was sent")
        self._transport.writelines(head_and_body)
        await self._wait(timeout_s, stop, is_for_head=True)

    async def read(self, timeout_s: float, stop: Stop) -> bytes:
        """What has come of the body since the last time, waiting for something; empty at its end."""
        if not self._body and not self._is_complete:
            await self._wait(timeout_s, stop, is_for_head=False)
        piece = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._held = 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return piece

    def rest(self) -> None:
        """Wait for the next request; anything that comes before it breaks the connection."""
        self._parser, self.idle_since = None, time.monotonic()
        self._stop_timer()

    @property
    def is_forbidden_peer(self) -> bool:
        """Whether the connection leads to an address that is never called (`catalog.egress`)."""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return peer is not None and is_forbidden(address_of(peer[0]))

    def abort(self) -> None:
        """Break the connection at once; the provider sees it and can stop working."""
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, timeout_s: float, stop: Stop, *, is_for_head: bool) -> None:
        """For the head of the answer or more of its body: `timeout_s` at most, however much else comes meanwhile."""
        stop.check()
        if self._has_head and (is_for_head or self._body or self._is_complete):
            return
        self._wait_s, self._wait_ends = timeout_s, self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._wait_ends:
            self._stop_timer()
            self._timer = self._loop.call_at(self._wait_ends, self._looks_at_clock)
        stop.wake_by(self._notify)
        try:
            while not (self._has_head and (is_for_head or self._body or self._is_complete)):
                if self._error is not None:
                    raise self._error
                self._waiter = self._loop.create_future()
                await self._waiter
                stop.check()
        finally:
            self._waiter = None
            stop.wake_by(None)

    def _looks_at_clock(self) -> None:
        """One timer does for all the waiting for an answer: it goes on to where the wait that is on now ends."""
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._wait_ends:
            self._fail(TooSlow(f"nothing came for {self._wait_s:g} s"))
        else:
            self._timer = self._loop.call_at(self._wait_ends, self._looks_at_clock)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: UpstreamError) -> None:
        if self._error is None and not self._is_complete:
            self._error = error
        self.abort()
        self._notify()


class Upstream:
    """The pool of connections of one event loop."""

    def __init__(self, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008  (immutable)
        self.timeouts = timeouts
        self._idle: dict[Origin, deque[Exchange]] = defaultdict(deque)

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float, stop: Stop, *, own: bytes = b""
    ) -> Exchange:
        """Send a POST and return when the head of the answer is here. The exchange must be given back by `done`.

        `own` are the lines of the head that belong to this request alone; `headers` are what many have in common.

        Raises `ConnectFailed`, `Dropped`, `TooSlow`, `TooLarge` and `Stopped`. Nothing is ever sent a second time: once
        written, nobody can tell whether a provider that breaks off has read it, and will bill it (RFC 9110, 9.2.2).
        """
        origin, head = _beginning(url, tuple(headers.items()))
        exchange = self._kept(origin) or await self._connect(origin, stop)
        try:
            await exchange.request([b"%s%scontent-length: %d\r\n\r\n" % (head, own, len(body)), body], timeout_s, stop)
        except BaseException:
            exchange.abort()
            raise
        return exchange

    def done(self, exchange: Answering, url: str) -> None:
        """Keep the connection when its answer was read to the end, else break it."""
        if isinstance(exchange, Exchange) and exchange.is_reusable:
            kept = self._idle[parsed(url)[0]]
            if len(kept) < KEEP_IDLE_MOST:
                exchange.rest()
                kept.append(exchange)
                return
        exchange.abort()

    def close(self) -> None:
        """Break all kept connections."""
        for kept in self._idle.values():
            for exchange in kept:
                exchange.abort()
        self._idle.clear()

    def _kept(self, origin: Origin) -> Exchange | None:
        """The connection used last, so that those not needed grow old and are dropped."""
        kept = self._idle[origin]
        oldest = time.monotonic() - KEEP_IDLE_S
        while kept and kept[0].idle_since < oldest:
            kept.popleft().abort()
        while kept:
            exchange = kept.pop()
            if exchange.is_quiet:
                return exchange
            exchange.abort()
        return None

    async def _connect(self, origin: Origin, stop: Stop) -> Exchange:
        stop.check()
        loop = asyncio.get_running_loop()
        connecting = asyncio.ensure_future(
            loop.create_connection(
                Exchange,
                origin.host,
                origin.port,
                ssl=_tls() if origin.is_secure else None,
                server_hostname=origin.host if origin.is_secure else None,
            )
        )
        try:
            async with asyncio.timeout(self.timeouts.connect_s):
                _, exchange = await stop.heard_in(connecting)
        except TimeoutError as error:
            raise ConnectFailed(f"no connection within {self.timeouts.connect_s:g} s") from error
        except OSError as error:  # refused, no such name, no route, a certificate that does not fit
            raise ConnectFailed(error.strerror or type(error).__name__) from error
        if exchange.is_forbidden_peer:  # looked at here, because a name may lead elsewhere than when it was connected
            exchange.abort()
            raise ConnectFailed("its address is one that is never called")
        return exchange
