"""How much later streams come through the gateway than straight from the provider: their first piece, and every piece
of many slow ones at once; and what memory those take.

The reference is the same streams from the provider itself, in the same run; results are the differences in
milliseconds and the ratio of what one piece takes. The gateway is one process on the first core, with everything on;
provider and reader are on the second. `python -m benchmarks.gateway.streams [STREAMS]`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from urllib.parse import urlsplit

import psutil

from benchmarks.gateway.load import Unfit
from benchmarks.gateway.ours import atrium, team
from benchmarks.gateway.references import UPSTREAM_CORE, Server, running
from benchmarks.gateway.slow_provider import SENT
from benchmarks.ground import embedded_database
from tests.installation import free_port

FIRSTS = 300  # streams, one after another, for the first piece
PIECES, EVERY_MS = 10, 2000  # of each slow stream
START_WITHIN_S = 10.0  # all of them
ONE_AFTER_ANOTHER, AT_ONCE = 2, 3  # pieces, of a stream that is read for its first


def _request(server: Server, pieces: int, every_ms: int) -> bytes:
    address = urlsplit(server.url)
    body = json.dumps({
        "model": "echo-model", "stream": True, "max_tokens": pieces, "seed": every_ms,
        "messages": [{"role": "user", "content": "Say something."}],
    }).encode()  # fmt: skip
    fields = {"host": address.netloc, "content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {text}\r\n" for name, text in (fields | server.headers).items())
    return f"POST {address.path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _read(server: Server, request: bytes, delays_ms: list[float]) -> float:
    """Read one stream to its end; the seconds until its first piece. Raises `Unfit`."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        began, first = time.monotonic(), 0.0
        writer.write(request)
        while data := await reader.read(65536):
            now = time.monotonic_ns()
            for sent in SENT.findall(data):
                first = first or time.monotonic() - began
                delays_ms.append((now - int(sent)) / 1e6)
            if b"[DONE]" in data:
                break
            if not first and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
                raise Unfit(data[-300:].decode("latin-1"))
        if not first:
            raise Unfit("there was no piece")
        return first
    finally:
        writer.close()


async def _firsts(servers: list[Server]) -> list[float]:
    """The median milliseconds until the first piece, from each server, asked in turn."""
    found: list[list[float]] = [[] for _ in servers]
    for _ in range(FIRSTS):
        for server, seconds in zip(servers, found, strict=True):
            seconds.append(1000 * await _read(server, _request(server, ONE_AFTER_ANOTHER, 1), []))
    return [statistics.median(each[20:]) for each in found]  # the first ones warm up


async def _at_once(server: Server, streams: int) -> list[float]:
    """The delays of all pieces of so many slow streams, in milliseconds."""
    delays: list[float] = []
    request = _request(server, PIECES, EVERY_MS)

    async def one(number: int) -> None:
        await asyncio.sleep(number * START_WITHIN_S / streams)
        await _read(server, request, delays)

    await asyncio.gather(*(one(number) for number in range(streams)))
    return delays


def _told(delays: list[float]) -> tuple[float, float]:
    return statistics.median(delays), statistics.quantiles(delays, n=100)[98]


def _worker(server: Server) -> psutil.Process:
    top = psutil.Process(server.pid)
    return max([top, *top.children(recursive=True)], key=lambda each: each.memory_info().rss)


def main() -> int:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.gateway.slow_provider", str(port)]
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with embedded_database(), running(command, url, UPSTREAM_CORE, {}) as provider:
        key = team(provider)
        with atrium(key) as ours:
            psutil.Process().cpu_affinity([int(UPSTREAM_CORE)])
            direct_ms, ours_ms = asyncio.run(_firsts([provider, ours]))
            print(f"first piece: direct {direct_ms:.2f} ms, Atrium {ours_ms:.2f} ms, later {ours_ms - direct_ms:.2f}")
            before = _worker(ours).memory_info().rss
            direct = _told(asyncio.run(_at_once(provider, streams)))
            delays, peak = asyncio.run(_peak(ours, streams))
            p50, p99 = _told(delays)
            print(f"{streams:,} slow streams: a piece takes (p50, p99 ms): direct {direct[0]:.2f} {direct[1]:.2f}, "
                  f"Atrium {p50:.2f} {p99:.2f}, later {p50 - direct[0]:.2f} {p99 - direct[1]:.2f}, "
                  f"ratio {p50 / direct[0]:.1f} {p99 / direct[1]:.1f}")  # fmt: skip
            print(f"memory: {before / 1e6:.0f} MB before, at most {peak / 1e6:.0f} MB, "
                  f"{(peak - before) / streams / 1e3:.1f} kB a stream")  # fmt: skip
    return 0


async def _peak(server: Server, streams: int) -> tuple[list[float], int]:
    """The delays, and the most memory that the gateway's process had meanwhile."""
    worker, most = _worker(server), 0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, worker.memory_info().rss)
            await asyncio.sleep(0.25)

    looking = asyncio.create_task(look())
    try:
        return await _at_once(server, streams), most
    finally:
        looking.cancel()


if __name__ == "__main__":
    sys.exit(main())
