"""What each `GATEWAY_DURABILITY` costs a call: calls a second and the time that a call takes, over a provider that
answers at once.

Reference: `process`, the default, in the same run and in turn with the others. Beside them stands what the machine
itself asks for one `fsync` and one commit. Run with `python -m benchmarks.gateway.durability`.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks.gateway.quick_provider import served
from benchmarks.ground import embedded_database
from tests.installation import free_port

SETTINGS = ("process", "machine", "database")
CONNECTIONS = (1, 10, 100)
ROUNDS, SECONDS = 3, 4.0


def main() -> int:
    with embedded_database() as address, ExitStack() as stack:
        provider = stack.enter_context(served())
        key = _prepared(provider)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atrium-durability-")))
        print(f"one fsync of a line      {_median_ms(_fsync(folder)):8.2f} ms")
        print(f"one commit of a line     {_median_ms(_commit(address)):8.2f} ms\n")
        ports = {setting: stack.enter_context(_gateway(setting, folder / setting)) for setting in SETTINGS}
        found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
        for connections in CONNECTIONS:
            for _ in range(ROUNDS):
                for setting in SETTINGS:
                    told = asyncio.run(_load(ports[setting], key, connections))
                    found.setdefault((connections, setting), []).append(told)
                    print(f"{connections} with {setting}: {told[0]:,.0f} calls/s", file=sys.stderr)
        _print(found)
    return 0


def _print(found: dict[tuple[int, str], list[tuple[float, float, float]]]) -> None:
    print("\nconnections  setting     calls/s   ratio   p50 ms   added   p99 ms   added")
    for connections in CONNECTIONS:
        of = {
            setting: tuple(statistics.median(each) for each in zip(*found[connections, setting], strict=True))
            for setting in SETTINGS
        }
        rate, p50, p99 = of["process"]
        for setting, (each_rate, each_p50, each_p99) in of.items():
            print(
                f"{connections:>11}  {setting:<9} {each_rate:>9,.0f} {each_rate / rate:>7.2f} {each_p50:>8.2f} "
                f"{each_p50 - p50:>7.2f} {each_p99:>8.2f} {each_p99 - p99:>7.2f}"
            )


def _prepared(port: int) -> str:
    """A route to the provider, granted to an environment; the secret of a key of it."""
    from access.models import Grant
    from audit.record import SYSTEM
    from tenants.keys import issue
    from tenants.models import Environment
    from tests.cast import Cast, route

    cast = Cast.create()
    environment: Environment = cast.environment()
    made = route("quick", base_url=f"http://127.0.0.1:{port}/v1")
    Grant.objects.create(tenant=environment.tenant, environment=environment, route=made)
    return issue(environment=environment, name="measured", by=SYSTEM).secret


@contextmanager
def _gateway(setting: str, data: Path) -> Iterator[int]:
    """The portal's ASGI application, one process, with `setting`; its port."""
    port = free_port()
    environment = os.environ | {"GATEWAY_DURABILITY": setting, "ATRIUM_DATA": str(data), "PORT": str(port)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "portal.asgi:application"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{port}/v1/models"))
        yield port
    finally:
        process.terminate()
        process.wait()


def _until(answers: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while True:
        try:
            answers()
        except (OSError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


async def _load(port: int, key: str, connections: int) -> tuple[float, float, float]:
    """Calls a second, and the median and the 99th percentile of a call in milliseconds."""
    body = json.dumps({"model": "quick", "messages": [{"role": "user", "content": "Say something."}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    request, taken = head.encode() + body, []
    end = time.perf_counter() + SECONDS

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(request)
            told = await reader.readuntil(b"\r\n\r\n")
            if not told.startswith(b"HTTP/1.1 200"):
                raise SystemExit(told.decode())
            await reader.readexactly(int(told.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
            taken.append((time.perf_counter() - began) * 1000)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(connections)))
    return len(taken) / SECONDS, statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def _fsync(folder: Path) -> Callable[[], None]:
    file = os.open(folder / "line", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def write() -> None:
        os.write(file, b"x" * 1200)
        os.fsync(file)

    return write


def _commit(address: str) -> Callable[[], None]:
    import psycopg

    connection = psycopg.connect(address, autocommit=True)
    connection.execute("CREATE TABLE measured_line (line text)")

    def insert() -> None:
        connection.execute("INSERT INTO measured_line VALUES (%s)", ["x" * 1200])

    return insert


def _median_ms(of: Callable[[], None], rounds: int = 200) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        of()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
