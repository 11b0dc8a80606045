"""What is measured of calls, in Prometheus form. Each process tells its own; none of it names a tenant or a key."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway import refused as put_aside
from gateway.metering import CallSummary

registry = CollectorRegistry()
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_kept = Histogram(
    "atrium_openings_kept_seconds",
    "Time to keep the openings of one group of calls (GATEWAY_DURABILITY)",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=registry,
)
_lag = Gauge("atrium_journal_lag_calls", "Calls that ended and are not in the ledger yet", registry=registry)
_stale = Gauge("atrium_snapshot_stale", "1 while keys, grants and prices cannot be read anew", registry=registry)
_aside = Gauge("atrium_calls_refused_by_ledger", "Calls that ended and that the ledger refuses", registry=registry)
_aside.set_function(lambda: put_aside.count(settings.JOURNAL_FOLDER))
_waiting = Gauge("atrium_calls_waiting", "Calls that wait for room at a deployment", registry=registry)
_refused = Counter("atrium_refusals", "Requests refused before any provider was called", ["code"], registry=registry)


class _Durations:
    """Seconds: how many in each bucket, and their sum."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts, self.sum_s = [0] * (len(_SECONDS) + 1), 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.sum_s += seconds


class _OfRoute:
    """What the calls of one route have added up to."""

    __slots__ = ("durations", "first", "tokens_in", "tokens_out", "unpriced", "waited")

    def __init__(self) -> None:
        self.tokens_in = self.tokens_out = self.unpriced = 0
        self.durations, self.first, self.waited = _Durations(), _Durations(), _Durations()


class _OfCalls(Collector):
    """What each call adds to. Counted in plain numbers, by the thread of the event loop: a metric of the library takes
    a lock and a look-up by labels, which is much for each call."""

    def __init__(self) -> None:
        self.running: dict[str, int] = defaultdict(int)
        self.ended: dict[tuple[str, ...], int] = defaultdict(int)
        self.by_route: dict[str, _OfRoute] = {}

    def collect(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("atrium_calls_running", "Calls under way", labels=["origin"])
        for origin, count in list(self.running.items()):
            running.add_metric([origin], count)
        yield running
        yield _counter("atrium_calls", "Calls that ended", ["origin", "route", "outcome"], self.ended)
        routes = list(self.by_route.items())
        tokens: dict[tuple[str, ...], int] = {(route, "in"): each.tokens_in for route, each in routes}
        tokens |= {(route, "out"): each.tokens_out for route, each in routes}
        yield _counter("atrium_tokens", "Tokens used", ["route", "direction"], tokens)
        unpriced: dict[tuple[str, ...], int] = {(route,): each.unpriced for route, each in routes if each.unpriced}
        yield _counter("atrium_calls_unpriced", "Calls for which no price was known", ["route"], unpriced)
        durations = [(route, each.durations) for route, each in routes]
        yield _histogram("atrium_call_seconds", "Duration of calls", durations)
        first = [(route, each.first) for route, each in routes]
        yield _histogram("atrium_first_token_seconds", "Time to the first token", first)
        waited = [(route, each.waited) for route, each in routes]
        yield _histogram("atrium_waited_seconds", "Time that calls waited for room at a deployment", waited)


def _histogram(name: str, words: str, routes: Iterable[tuple[str, _Durations]]) -> HistogramMetricFamily:
    """As Prometheus has histograms: each bucket holds those before it too. A route without any is left out."""
    family = HistogramMetricFamily(name, words, labels=["route"])
    for route, each in routes:
        upto = list(accumulate(each.counts))
        if upto[-1]:
            names = [*map(floatToGoString, _SECONDS), "+Inf"]
            family.add_metric([route], list(zip(names, upto, strict=True)), each.sum_s)
    return family


def _counter(name: str, words: str, labels: list[str], counts: Mapping[tuple[str, ...], int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric(values, count)
    return family


_of_calls = _OfCalls()
registry.register(_of_calls)


def began(origin: str) -> None:
    _of_calls.running[origin] += 1


def ended(origin: str, route: str, summary: CallSummary) -> None:
    of = _of_calls
    of.running[origin] -= 1
    of.ended[origin, route, summary.outcome] += 1
    told = of.by_route.get(route)
    if told is None:
        told = of.by_route[route] = _OfRoute()
    told.tokens_in += summary.input_tokens
    told.tokens_out += summary.output_tokens
    told.durations.observe(summary.duration_ms / 1000)
    if summary.first_token_ms is not None:
        told.first.observe(summary.first_token_ms / 1000)
    if summary.waited_ms is not None:
        told.waited.observe(summary.waited_ms / 1000)
    if summary.cost is None:
        told.unpriced += 1


def refused(code: str) -> None:
    _refused.labels(code).inc()


def waiting(calls: int) -> None:
    _waiting.set(calls)


def kept(seconds: float) -> None:
    _kept.observe(seconds)


def lag(calls: int) -> None:
    _lag.set(calls)


def is_stale(stale: bool) -> None:
    _stale.set(stale)


def exposition() -> bytes:
    """All of it in Prometheus' text format."""
    return generate_latest(registry)
