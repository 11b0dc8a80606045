"""Pages under ASGI against the same pages under WSGI, both on Granian with one worker: requests/s, latency, memory.

Reference: WSGI. Result: the ratio ASGI/WSGI. Run with `python -m benchmarks.serving`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time

import httpx
import psutil

from benchmarks.ground import cookie_of, embedded_database

PATHS = ("/healthz", "/readyz", "/about/ui/")
SECONDS = 4.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def serve(interface: str, port: int) -> subprocess.Popen[bytes]:
    entry = "portal.asgi:application" if interface == "asgi" else "portal.wsgi:application"
    command = [sys.executable, "-m", "granian", "--interface", interface, "--port", str(port), "--workers", "1", entry]
    if interface == "wsgi":
        command[-1:-1] = ["--blocking-threads", "8"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz")
            return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"the {interface} server did not come up")


async def load(port: int, path: str, connections: int, cookie: str) -> tuple[float, float]:
    """Requests per second and the median latency in milliseconds."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS

    async def one() -> None:
        async with httpx.AsyncClient(headers={"cookie": cookie}) as client:
            while time.perf_counter() < end:
                begun = time.perf_counter()
                answer = await client.get(f"http://127.0.0.1:{port}{path}")
                answer.raise_for_status()
                times.append(time.perf_counter() - begun)

    await asyncio.gather(*(one() for _ in range(connections)))
    return len(times) / SECONDS, statistics.median(times) * 1000


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    root = psutil.Process(process.pid)
    return sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)]) / 1e6


def main() -> None:
    with embedded_database():
        cookie = cookie_of("measurer")
        figures: dict[tuple[str, int], dict[str, tuple[float, float]]] = {}
        memory = {}
        for interface in ("wsgi", "asgi"):
            port = free_port()
            process = serve(interface, port)
            try:
                for path in PATHS:
                    for connections in (1, 8):
                        result = asyncio.run(load(port, path, connections, cookie))
                        figures.setdefault((path, connections), {})[interface] = result
                memory[interface] = memory_mb(process)
            finally:
                process.terminate()
                process.wait(10)
    print(f"{'page':<12}{'conns':>6}{'WSGI req/s':>12}{'ASGI req/s':>12}{'ratio':>8}{'WSGI ms':>10}{'ASGI ms':>10}")
    for (path, connections), by in figures.items():
        (wsgi, wsgi_ms), (asgi, asgi_ms) = by["wsgi"], by["asgi"]
        print(
            f"{path:<12}{connections:>6}{wsgi:>12.0f}{asgi:>12.0f}{asgi / wsgi:>8.2f}{wsgi_ms:>10.1f}{asgi_ms:>10.1f}"
        )
    print(
        f"memory: WSGI {memory['wsgi']:.0f} MB, ASGI {memory['asgi']:.0f} MB, "
        f"ratio {memory['asgi'] / memory['wsgi']:.2f}"
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    main()
