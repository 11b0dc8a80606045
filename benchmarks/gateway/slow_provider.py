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

from benchmarks.gateway.quick_provider import Posted, serve

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SENT = re.compile(rb"@(\d+)@")  # when an event was sent, in its text


def _event(delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    told = {
        "id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "slow",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    } | ({"usage": usage} if usage else {})  # fmt: skip
    data = b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


class Streaming(Posted):
    """Streams to whom asks for that, else answers at once."""

    def asked(self, body: bytes) -> None:
        said = json.loads(body)
        if said.get("stream"):
            self._transport.write(HEAD)
            self._tell(said["max_tokens"], said["seed"] / 1000, said["max_tokens"])
        else:
            super().asked(body)

    def _tell(self, left: int, every_s: float, of: int) -> None:
        if self._transport.is_closing():
            return
        if left:
            self._transport.write(_event({"content": f"@{time.monotonic_ns()}@ "}))
            asyncio.get_running_loop().call_later(every_s, self._tell, left - 1, every_s, of)
        else:
            usage = {"prompt_tokens": 11, "completion_tokens": of, "total_tokens": 11 + of}
            self._transport.write(_event({}, "stop", usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Streaming))
