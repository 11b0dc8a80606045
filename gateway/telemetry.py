"""What is measured of calls, in Prometheus form. Each process tells its own; none of it names a tenant or a key."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway import refused as put_aside
from gateway.metering import CallSummary

registry = CollectorRegistry()
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_calls = Counter("atrium_calls", "Calls that ended", ["origin", "route", "outcome"], registry=registry)
_tokens = Counter("atrium_tokens", "Tokens used", ["route", "direction"], registry=registry)
_unpriced = Counter("atrium_calls_unpriced", "Calls for which no price was known", ["route"], registry=registry)
_duration = Histogram("atrium_call_seconds", "Duration of calls", ["route"], buckets=_SECONDS, registry=registry)
_first = Histogram(
    "atrium_first_token_seconds", "Time to the first token", ["route"], buckets=_SECONDS, registry=registry
)
_kept = Histogram(
    "atrium_openings_kept_seconds",
    "Time to keep the openings of one group of calls (GATEWAY_DURABILITY)",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=registry,
)
_running = Gauge("atrium_calls_running", "Calls under way", ["origin"], registry=registry)
_lag = Gauge("atrium_journal_lag_calls", "Calls that ended and are not in the ledger yet", registry=registry)
_stale = Gauge("atrium_snapshot_stale", "1 while keys, grants and prices cannot be read anew", registry=registry)
_aside = Gauge("atrium_calls_refused_by_ledger", "Calls that ended and that the ledger refuses", registry=registry)
_aside.set_function(lambda: put_aside.count(settings.JOURNAL_FOLDER))
_waiting = Gauge("atrium_calls_waiting", "Calls that wait for room at a deployment", registry=registry)
_waited = Histogram(
    "atrium_waited_seconds", "Time that calls waited for room at a deployment", ["route"], buckets=_SECONDS,
    registry=registry,
)  # fmt: skip
_refused = Counter("atrium_refusals", "Requests refused before any provider was called", ["code"], registry=registry)


# Each look-up by labels takes a lock and writes a tuple of texts; on the way of every call it is made once.
_running_of, _calls_of, _tokens_of = cache(_running.labels), cache(_calls.labels), cache(_tokens.labels)
_duration_of, _first_of = cache(_duration.labels), cache(_first.labels)


def began(origin: str) -> None:
    _running_of(origin).inc()


def ended(origin: str, route: str, summary: CallSummary) -> None:
    _running_of(origin).dec()
    _calls_of(origin, route, summary.outcome).inc()
    _tokens_of(route, "in").inc(summary.input_tokens)
    _tokens_of(route, "out").inc(summary.output_tokens)
    _duration_of(route).observe(summary.duration_ms / 1000)
    if summary.first_token_ms is not None:
        _first_of(route).observe(summary.first_token_ms / 1000)
    if summary.waited_ms is not None:
        _waited.labels(route).observe(summary.waited_ms / 1000)
    if summary.cost is None:
        _unpriced.labels(route).inc()


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
