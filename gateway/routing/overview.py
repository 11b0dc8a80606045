"""How all deployments stand as all living gateway processes see them together, for people who look after them."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from uuid import UUID

from gateway.models import ProcessReport
from gateway.routing.telling import living

MOST_CHOICES = 25


@dataclass(frozen=True)
class Process:
    """A gateway process that has asked some deployment since it began."""

    host: str
    pid: int
    at: dt.datetime
    under_way: int


@dataclass(frozen=True)
class Seen:
    """A deployment. `state` is a key of the table of states; `why` says the rest in words. Counts are of the last five
    minutes; `first_token_ms` is the median of the last streams, `average_ms` what latency policies go by."""

    state: str = "idle"
    why: str = "no calls in the last five minutes"
    since: dt.datetime | None = None
    calls: int = 0
    failed: int = 0
    busy: int = 0
    under_way: int = 0
    first_token_ms: int | None = None
    average_ms: int | None = None


@dataclass(frozen=True)
class LastChoice:
    """Who was asked for a call, and who was passed over, in sentences."""

    at: dt.datetime
    route: str
    reasons: list[str]
    process: str


@dataclass(frozen=True)
class Retries:
    """How many calls of a route may be sent to another deployment now (`gateway.routing.retry_budget`): in all
    processes together, and in the one that may the fewest."""

    left: int
    least: int
    processes: int


@dataclass(frozen=True)
class Overview:
    """Everything at one moment; `calls` are by route and deployment, of the last five minutes; `retries` by route."""

    processes: list[Process] = field(default_factory=list)
    deployments: dict[str, Seen] = field(default_factory=dict)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    choices: list[LastChoice] = field(default_factory=list)
    retries: dict[str, Retries] = field(default_factory=dict)

    def seen(self, deployment: Any, *, is_drained: bool = False) -> Seen:
        """How the deployment with this key stands; drained is what it is, whatever processes found."""
        found = self.deployments.get(str(deployment), Seen())
        if not is_drained:
            return found
        busy = f"{found.under_way} calls end by themselves" if found.under_way else "no calls are under way"
        return Seen(
            "drained", busy, None, found.calls, found.failed, found.busy, found.under_way, found.first_token_ms,
            found.average_ms,
        )  # fmt: skip

    def share(self, route: str, deployment: Any) -> float | None:
        """The part of a route's calls that it got, 0 to 1; None when there were none."""
        calls = self.calls.get(route)
        return calls[str(deployment)] / calls.total() if calls else None


def overview() -> Overview:
    """As it is told by the processes' rows; one question."""
    rows = list(living().order_by("host", "pid"))
    by_deployment: dict[str, list[dict[str, Any]]] = defaultdict(list)
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    left: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        for key, told in row.report["deployments"].items():
            by_deployment[key].append(told)
        for route, counts in row.report["routes"].items():
            calls[route].update(counts)
        for route, count in row.report["retries_left"].items():
            left[route].append(count)
    return Overview(
        [_process(row) for row in rows],
        {key: _seen(told) for key, told in by_deployment.items()},
        {route: counts for route, counts in calls.items() if counts.total()},
        _choices(rows),
        {route: Retries(sum(counts), min(counts), len(counts)) for route, counts in left.items()},
    )


def under_way(deployment: UUID) -> int:
    """The calls under way at a deployment, in all living processes."""
    return overview().seen(deployment).under_way


def _process(row: ProcessReport) -> Process:
    under_way = sum(told["under_way"] for told in row.report["deployments"].values())
    return Process(row.host, row.pid, row.at, under_way)


def _choices(rows: Iterable[ProcessReport]) -> list[LastChoice]:
    found = [
        LastChoice(_moment(told["at"]), told["route"], told["reasons"], str(row))
        for row in rows
        for told in row.report["choices"]
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)[:MOST_CHOICES]


def _seen(told: list[dict[str, Any]]) -> Seen:
    def total(name: str) -> int:
        return sum(each[name] for each in told)

    state, why, since = _state(told)
    first = [ms for each in told for ms in each["first_tokens_ms"]]
    averages = [each["average_ms"] for each in told if each["average_ms"] is not None]
    return Seen(
        state,
        why,
        since,
        total("calls"),
        total("failed"),
        total("busy"),
        total("under_way"),
        round(median(first)) if first else None,
        round(sum(averages) / len(averages)) if averages else None,
    )


def _state(told: list[dict[str, Any]]) -> tuple[str, str, dt.datetime | None]:
    opened = [each for each in told if each["breaker"] != "closed"]
    pausing = [each for each in told if each["paused_until"]]
    where = f" (in {len(opened)} of {len(told)} processes)" if len(told) > 1 else ""
    if opened:
        first = min(opened, key=lambda each: each["since"])
        after = f"after {first['failures']} failures: {first['why']}{where}"
        if any(each["breaker"] == "probing" for each in opened):
            return (
                "breaker_probing",
                f"open {after}; one call at a time finds out whether it is back",
                _moment(first["since"]),
            )
        return (
            "breaker_open",
            f"{after}; tried again at {_clock(min(e['probe_at'] for e in opened))}",
            _moment(first["since"]),
        )
    if pausing:
        last = max(pausing, key=lambda each: each["paused_until"])
        said = "it asked not to be called" if last["asked_for_pause"] else "it was busy and is left alone"
        return "pausing", f"{said} until {_clock(last['paused_until'])}", None
    if not sum(each["calls"] for each in told):
        return Seen.state, Seen.why, None
    return "healthy", "", None


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _clock(seconds: float) -> str:
    return f"{_moment(seconds):%H:%M:%S} UTC"
