"""Load by `h2load` (of nghttp2): as fast as it goes, or at a given pace with the time of each request kept."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

BODY = b'{"model":"echo-model","messages":[{"role":"user","content":"Say something."}],"max_tokens":5}'
LOAD_CORE = "1"


class Unfit(Exception):
    """The load did not measure what it should: answers were no answers."""


@dataclass(frozen=True)
class Pace:
    """`p50_ms` and `p99_ms` of the time from a request's first byte to its answer's last."""

    p50_ms: float
    p99_ms: float


def most_per_second(url: str, headers: dict[str, str], *, connections: int, seconds: int) -> tuple[float, int]:
    """Answered requests per second, each connection asking as soon as it was answered, and how many were asked in all.

    Raises `Unfit`.
    """
    printed = _h2load(url, headers, "-c", str(connections), "-D", str(seconds))
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", printed)
    statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", printed)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", printed)
    if not rate or not statuses or not failed:
        raise Unfit(printed[-400:])
    if any(map(int, statuses.groups()[1:])) or int(statuses[1]) == 0:
        raise Unfit(statuses[0])
    return float(rate[1]), int(statuses[1])


def at_a_pace(url: str, headers: dict[str, str], *, per_second: int, connections: int, seconds: int) -> Pace:
    """Requests at `per_second`, whether or not the ones before were answered. Raises `Unfit`."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests"
        each = per_second // connections
        _h2load(
            url, headers, "-c", str(connections), "-n", str(per_second * seconds), f"--rps={each}", f"--log-file={log}"
        )
        lines = [line.split("\t") for line in log.read_text().splitlines()]
    took = [int(line[2]) / 1000 for line in lines[per_second:] if line[1] == "200"]  # the first second warms up
    if len(took) < 0.99 * per_second * (seconds - 1):
        raise Unfit(f"{len(took)} of {per_second * (seconds - 1)} requests were answered")
    cuts = statistics.quantiles(took, n=100)
    return Pace(statistics.median(took), cuts[98])


def _h2load(url: str, headers: dict[str, str], *options: str) -> str:
    with tempfile.NamedTemporaryFile() as body:
        body.write(BODY)
        body.flush()
        fields = [part for name, text in headers.items() for part in ("-H", f"{name}: {text}")]
        command = ["taskset", "-c", LOAD_CORE, "h2load", "--h1", "-t", "1", "-d", body.name, *options, *fields, url]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return ended.stdout + ended.stderr
