"""A provider that costs next to nothing: one answer, always the same, to whatever is posted.

`python -m benchmarks.gateway.quick_provider PORT` serves on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.installation import free_port, until

BODY = json.dumps({
    "id": "c-1", "object": "chat.completion", "created": 1, "model": "quick",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
}).encode()  # fmt: skip
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Posted(asyncio.Protocol):
    """One connection, kept for as many requests as come: `asked` is told the body of each that is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            body, self._held = self._held[end + 4 : end + 4 + length], self._held[end + 4 + length :]
            self.asked(body)

    def asked(self, body: bytes) -> None:
        """Answer."""
        self._transport.write(ANSWER)


async def serve(port: int, kind: type[Posted]) -> None:
    """Serve on 127.0.0.1 until the process ends."""
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


@contextmanager
def served() -> Iterator[int]:
    """One in a process of its own; the port, once it listens."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.gateway.quick_provider", str(port)])
    try:
        until(lambda: _listens(port), within_s=60, what="the provider listens")
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Posted))
