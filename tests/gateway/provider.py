"""A provider for tests: a real HTTP server on 127.0.0.1 whose behaviour is chosen by the model's name.

Each behaviour is a coroutine that writes bytes; nothing is hidden by a server library, so that broken ones can be told.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

Body = dict[str, Any]


@dataclass
class Exchange:
    """One request as the provider got it; `path` with its query."""

    path: str
    headers: dict[str, str]
    body: Body
    writer: asyncio.StreamWriter
    was_broken_off: threading.Event = field(default_factory=threading.Event)

    async def head(
        self, status: int = 200, kind: str = "application/json", extra: str = "", *, length: int = -1
    ) -> None:
        framing = "transfer-encoding: chunked" if length < 0 else f"content-length: {length}"
        self.writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{extra}{framing}\r\n\r\n".encode())
        await self.writer.drain()

    async def piece(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def whole(self, status: int, content: bytes, kind: str = "application/json", extra: str = "") -> None:
        await self.head(status, kind, extra, length=len(content))
        self.writer.write(content)
        await self.writer.drain()

    async def event(self, chunk: Any, kind: str = "") -> None:
        data = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()
        await self.piece((f"event: {kind}\n".encode() if kind else b"") + b"data: " + data + b"\n\n")


Behaviour = Callable[[Exchange], Awaitable[None]]


def chunk(text: str = "", *, finish: str | None = None, **more: Any) -> Body:
    delta = {"content": text} if text else {}
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "upstream-name",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


def usage(tokens_in: int = 11, tokens_out: int = 5) -> Body:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


WORDS = ["Well", ", ", "this", " is", " it."]


async def well_behaved(exchange: Exchange) -> None:
    """Five tokens, with the usage where it was asked for."""
    if not exchange.body.get("stream"):
        answer = {
            "id": "c-1",
            "object": "chat.completion",
            "created": 1,
            "model": "upstream-name",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
            ],
            "usage": usage() | {"prompt_tokens_details": {"cached_tokens": 4}},
        }
        await exchange.whole(200, json.dumps(answer).encode())
        return
    await exchange.head(kind="text/event-stream")
    for word in WORDS:
        await exchange.event(chunk(word))
    await exchange.event(chunk(finish="stop"))
    if (exchange.body.get("stream_options") or {}).get("include_usage"):
        await exchange.event(chunk() | {"choices": [], "usage": usage()})
    await exchange.event(b"[DONE]")
    await exchange.end()


def _model(exchange: Exchange) -> str:
    """The model that is asked for: in the body, or (Gemini, Bedrock) in the path."""
    in_path = re.search(r"/models?/([^/:?]+)", exchange.path)
    return str(exchange.body.get("model") or (in_path[1] if in_path else ""))


class Provider:
    """Runs in a thread of its own, as a context manager; on a `port` that one had before, or on a free one."""

    def __init__(self, port: int = 0) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.exchanges: list[Exchange] = []
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.accepted = 0  # connections so far
        self._connections: set[asyncio.StreamWriter] = set()
        self._serves = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def behaves(self, behaviour: Behaviour, *, model: str = "echo-model") -> None:
        """From now on a request for `model` (empty: one that names none in its body) meets `behaviour`."""
        self.behaviours[model] = behaviour

    def __enter__(self) -> Self:
        self._thread.start()
        self._serves.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for writer in self._connections:
            writer.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        self._socket.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._socket))
        self._serves.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self.accepted += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                exchange = Exchange(head[0].split(" ")[1], headers, body, writer)
                self.exchanges.append(exchange)
                behaviour = asyncio.ensure_future(self.behaviours.get(_model(exchange), well_behaved)(exchange))
                watching = asyncio.ensure_future(reader.read(1))  # until it ends no next request comes: no pipelining
                await asyncio.wait([behaviour, watching], return_when=asyncio.FIRST_COMPLETED)
                if watching.done() and not behaviour.done():
                    exchange.was_broken_off.set()
                    behaviour.cancel()
                    return
                if behaviour.exception() or writer.is_closing():
                    watching.cancel()
                    return
                rest = await watching
                if not rest:
                    return
                reader._buffer[:0] = rest  # type: ignore[attr-defined]  # what was read while watching belongs to the next
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._connections.discard(writer)
            writer.close()
