"""Calls per second and what a call takes longer than straight to the provider: Atrium with everything on, and others.

Everybody is one process on the first core, with the same upstream and the same load on the second. Result: the ratio
of what Atrium serves to what each of the others does, in the same run; and beside it the processor time that a call
takes, which neighbours on the machine change less. `python -m benchmarks.gateway [SECONDS]`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.gateway import references
from benchmarks.gateway.load import Pace, Unfit, at_a_pace, most_per_second
from benchmarks.gateway.ours import atrium, team
from benchmarks.gateway.references import NotInstalled, Server
from benchmarks.ground import embedded_database

PACE_PER_S, PACE_CONNECTIONS = 1000, 20


@dataclass
class Result:
    """Requests per second with 1, 10 and 100 connections, processor time of a call with 10, times at the pace, and
    memory afterwards."""

    per_second: list[float]
    processor_us: float
    pace: Pace | None
    megabytes: float


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    results: dict[str, Result] = {}
    with embedded_database(), tempfile.TemporaryDirectory(prefix="atrium-bench-") as name:
        folder = Path(name)
        with references.upstream(folder) as provider:
            key = team(provider)
            servers: dict[str, Callable[[], AbstractContextManager[Server]]] = {
                "direct": lambda: nullcontext(provider),
                "nginx": lambda: references.nginx(folder, provider),
                "Envoy": lambda: references.envoy(folder, provider),
                "Atrium": lambda: atrium(key),
                "Portkey": lambda: references.portkey(folder, provider),
                "LiteLLM": lambda: references.litellm(folder, provider),
            }
            for who, serve in servers.items():
                try:
                    with serve() as server:
                        results[who] = _measured(server, seconds)
                except (NotInstalled, Unfit) as reason:
                    print(f"{who:<10}left out: {reason}")
                else:
                    _print(who, results)
    if ours := results.get("Atrium"):
        print("Atrium's requests a second by those of:")
        for who in ("nginx", "Envoy", "Portkey", "LiteLLM"):
            if who in results:
                ratios = [f"{a / b:8.2f}" for a, b in zip(ours.per_second, results[who].per_second, strict=True)]
                by_processor = results[who].processor_us / ours.processor_us
                print(f"  {who:<8}{''.join(ratios)}   by processor time {by_processor:.2f}")
    return 0


def _measured(server: Server, seconds: int) -> Result:
    rates, processor_us = [], 0.0
    for connections in (1, 10, 100):
        before = _processor_s(server.pid)
        rate, calls = most_per_second(server.url, server.headers, connections=connections, seconds=seconds)
        rates.append(rate)
        if connections == 10:
            processor_us = (_processor_s(server.pid) - before) / calls * 1e6
    pace = None
    if rates[1] > 1.2 * PACE_PER_S:  # who cannot go so fast is not asked to
        pace = at_a_pace(
            server.url, server.headers, per_second=PACE_PER_S, connections=PACE_CONNECTIONS, seconds=seconds
        )
    return Result(rates, processor_us, pace, _megabytes(server.pid))


def _processes(pid: int) -> list[psutil.Process]:
    top = [psutil.Process(pid)] if pid else []
    return [each for process in top for each in (process, *process.children(recursive=True))]


def _processor_s(pid: int) -> float:
    times = [process.cpu_times() for process in _processes(pid)]
    return sum(each.user + each.system for each in times)


def _megabytes(pid: int) -> float:
    return sum(process.memory_info().rss for process in _processes(pid)) / 1e6


def _print(who: str, results: dict[str, Result]) -> None:
    result, direct = results[who], results["direct"].pace
    if who == "direct":
        columns = f"{'':<10}{'1 conn/s':>10}{'10':>9}{'100':>9}{'CPU us':>9}{'MB':>6}"
        print(f"{columns}   at {PACE_PER_S:,} a second, added: p50, p99 ms")
    one, ten, hundred = result.per_second
    line = f"{who:<10}{one:>10,.0f}{ten:>9,.0f}{hundred:>9,.0f}"
    line += f"{result.processor_us:>9.0f}{result.megabytes:>6.0f}"
    if result.pace and direct:
        line += f"   {result.pace.p50_ms - direct.p50_ms:.2f}  {result.pace.p99_ms - direct.p99_ms:.2f}"
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
