"""A provider of slow streams, each event of which says when it was sent, so that whoever reads it knows its delay.

`python -m benchmarks.gateway.slow_provider PORT` serves on 127.0.0.1. A request's `max_tokens` is the number of events,
its `seed` the milliseconds between them. Moments are those of `time.monotonic_ns`, one clock for all of a machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

from benchmarks.gateway.quick_provider import ANSWER

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SENT = re.compile(rb"@(\d+)@")  # when an event was sent, in its text


def _event(delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    told = {
        "id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "slow",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    } | ({"usage": usage} if usage else {})  # fmt: skip
    data = b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


class Streaming(asyncio.Protocol):
    """One connection, kept for as many requests as come, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._held[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._held) < end + 4 + length:
            return
        body = json.loads(self._held[end + 4 : end + 4 + length])
        self._held = self._held[end + 4 + length :]
        if body.get("stream"):
            self._transport.write(HEAD)
            self._tell(body["max_tokens"], body["seed"] / 1000, body["max_tokens"])
        else:
            self._transport.write(ANSWER)

    def _tell(self, left: int, every_s: float, of: int) -> None:
        if self._transport.is_closing():
            return
        if left:
            self._transport.write(_event({"content": f"@{time.monotonic_ns()}@ "}))
            asyncio.get_running_loop().call_later(every_s, self._tell, left - 1, every_s, of)
        else:
            usage = {"prompt_tokens": 11, "completion_tokens": of, "total_tokens": 11 + of}
            self._transport.write(_event({}, "stop", usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Streaming, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
