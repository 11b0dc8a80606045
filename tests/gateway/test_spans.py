"""OpenTelemetry: a collector that the standard variables name is told of each call, in the conventions for generative
AI; without one nothing of it is there.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from catalog.models import Route
from tests.cast import Cast
from tests.gateway.behaviours import second_target
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider
from tests.gateway.test_traces import PARENT, TRACE, TRACEPARENT

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "300"}


class Collector:
    """Takes what is exported over HTTP, and tells it as plain values."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        bodies = self.bodies

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bodies.append((self.path, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls(self) -> list[Any]:
        """The spans of calls."""
        return [span for span in self.spans() if "atrium.call_id" in plain(span.attributes)]

    def attempts(self) -> list[Any]:
        """Those of the deployments that were asked, in the order in which they were."""
        found = [span for span in self.spans() if "atrium.deployment" in plain(span.attributes)]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def spans(self) -> list[Any]:
        found = []
        for path, body in list(self.bodies):
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def resource(self) -> dict[str, Any]:
        body = next(body for path, body in self.bodies if path == "/v1/traces")
        return plain(ExportTraceServiceRequest.FromString(body).resource_spans[0].resource.attributes)

    def metrics(self) -> dict[str, list[Any]]:
        """The points of the newest export, by the metric's name."""
        bodies = [body for path, body in list(self.bodies) if path == "/v1/metrics"]
        found: dict[str, list[Any]] = {}
        for resource in ExportMetricsServiceRequest.FromString(bodies[-1]).resource_metrics if bodies else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(metric.histogram.data_points)
        return found


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes of the protocol as values of Python."""
    return {each.key: _value(each.value) for each in attributes}


def _value(told: Any) -> Any:
    kind = told.WhichOneof("value")
    return [_value(each) for each in told.array_value.values] if kind == "array_value" else getattr(told, kind)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def url(team: Cast, route: Route, key: str, collector: Collector, tmp_path: Path) -> Iterator[str]:
    """A gateway that tells the collector."""
    host = Killable(tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICK)
    yield host.start()[1]
    host.stop()


def ask(url: str, key: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    sent = {"authorization": f"Bearer {key}"} | (headers or {})
    return httpx.post(f"{url}/v1/chat/completions", json=ASKED | more, headers=sent, timeout=20)


def test_it_works(url: str, key: str, collector: Collector, provider: Provider) -> None:
    asked = ask(url, key, {"traceparent": TRACEPARENT}, temperature=0.5, max_tokens=40)
    assert asked.status_code == 200
    (span,) = eventually(collector.calls, within_s=10)
    call = kept().get()
    told = plain(span.attributes)
    assert span.name == "chat echo-model" and span.kind == span.SPAN_KIND_CLIENT
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    (attempt,) = eventually(collector.attempts, within_s=10)
    assert attempt.span_id.hex() == provider.exchanges[0].headers["traceparent"].split("-")[2]
    assert (attempt.trace_id, attempt.parent_span_id) == (span.trace_id, span.span_id) != (TRACE, attempt.span_id)
    assert round((span.end_time_unix_nano - span.start_time_unix_nano) / 1e6) == call.duration_ms
    assert abs(span.start_time_unix_nano / 1e9 - call.started_at.timestamp()) < 0.001
    assert told["gen_ai.operation.name"] == "chat" and told["gen_ai.provider.name"] == "echo"
    assert told["gen_ai.request.model"] == "echo-model"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (11, 5)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 4
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.max_tokens"]) == (0.5, 40)
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", provider.port)
    assert (told["atrium.call_id"], told["atrium.place"]) == (str(call.pk), "acme/support/development")
    assert told["atrium.cost"] == format(call.cost or 0, "f") and "error.type" not in told
    assert collector.resource()["service.name"] == "atrium-gateway"
    everything = b"".join(body for _, body in collector.bodies)
    assert (
        HELLO[0]["content"].encode() not in everything and b"Well" not in everything and key.encode() not in everything
    )


def test_metrics_are_counted(url: str, key: str, collector: Collector) -> None:
    for _ in range(3):
        assert ask(url, key).status_code == 200
    duration = "gen_ai.client.operation.duration"
    eventually(lambda: sum(point.count for point in collector.metrics().get(duration, ())) == 3, within_s=10)
    points = collector.metrics()["gen_ai.client.token.usage"]
    sums = {plain(point.attributes)["gen_ai.token.type"]: point.sum for point in points}
    assert sums == {"input": 33, "output": 15}
    assert list(points[0].explicit_bounds)[:3] == [1, 4, 16]
    named = plain(collector.metrics()[duration][0].attributes)
    assert set(named) == {
        "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port",
    }, "nothing that is different for each call"  # fmt: skip


def test_a_call_without_a_trace_begins_one_that_is_recorded(
    url: str, key: str, collector: Collector, provider: Provider
) -> None:
    assert ask(url, key).status_code == 200
    (span,) = eventually(collector.calls, within_s=10)
    _, trace, own, flags = provider.exchanges[0].headers["traceparent"].split("-")
    (attempt,) = eventually(collector.attempts, within_s=10)
    assert (span.trace_id.hex(), attempt.span_id.hex(), span.parent_span_id) == (trace, own, b"")
    assert int(flags, 16) & 1, "the provider is told that it is recorded"


def test_what_the_client_does_not_record_is_not_recorded(url: str, key: str, collector: Collector) -> None:
    assert ask(url, key, {"traceparent": f"00-{TRACE}-{PARENT}-00"}).status_code == 200
    assert ask(url, key).status_code == 200
    (span,) = eventually(collector.calls, within_s=10)
    time.sleep(0.5)  # nothing may come: there is nothing to wait for
    assert span.trace_id.hex() != TRACE and len(collector.calls()) == 1


def test_a_failure_is_an_error(url: str, key: str, collector: Collector, provider: Provider) -> None:
    async def fails(exchange: Exchange) -> None:
        await exchange.whole(500, b'{"error": {"message": "secret words"}}')

    provider.behaves(fails)
    assert ask(url, key).status_code == 502
    (span,) = eventually(collector.calls, within_s=10)
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert plain(span.attributes)["error.type"] == "provider_failed"
    assert b"secret words" not in b"".join(body for _, body in collector.bodies)


def test_each_deployment_that_was_asked_has_its_own(
    url: str, key: str, collector: Collector, provider: Provider, route: Route
) -> None:
    async def fails(exchange: Exchange) -> None:
        await exchange.whole(500, b'{"error": {"message": "secret words"}}')

    provider.behaves(fails, model="echo-model")
    second_target(route, provider, first_url=provider.url)
    eventually(lambda: ask(url, key).status_code == 200, within_s=10)
    (span,) = eventually(
        lambda: [each for each in collector.calls() if not plain(each.attributes).get("error.type")], within_s=10
    )
    first, second = eventually(
        lambda: [each for each in collector.attempts() if each.parent_span_id == span.span_id], within_s=10
    )
    left, answered = plain(first.attributes), plain(second.attributes)
    assert (left["error.type"], left["http.response.status_code"]) == ("provider_failed", 500)
    assert first.status.code == first.status.STATUS_CODE_ERROR and "http.request.resend_count" not in left
    assert (answered["gen_ai.provider.name"], answered["http.request.resend_count"]) == ("other", 1)
    assert "error.type" not in answered and "gen_ai.usage.input_tokens" not in answered, "else they would count twice"
    assert (first.name, second.name) == ("chat echo-model", "chat other-name")
    sent = [each.headers["traceparent"].split("-")[2] for each in provider.exchanges[-2:]]
    assert sent == [first.span_id.hex(), second.span_id.hex()], "providers' own spans lie below their attempt's"
    assert span.start_time_unix_nano <= first.start_time_unix_nano <= first.end_time_unix_nano
    assert first.end_time_unix_nano <= second.start_time_unix_nano <= second.end_time_unix_nano
    assert b"secret words" not in b"".join(body for _, body in collector.bodies)


def test_a_server_that_is_stopped_tells_what_is_left(
    team: Cast, route: Route, key: str, collector: Collector, tmp_path: Path
) -> None:
    host = Killable(
        tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_SERVICE_NAME="ours",
    )  # fmt: skip
    try:
        process, url = host.start("portal.command", "web")
        assert ask(url, key).status_code == 200
        assert collector.spans() == []
        process.terminate()
        process.wait(15)
        assert len(collector.calls()) == 1 and collector.resource()["service.name"] == "ours"
    finally:
        host.stop()


def test_a_collector_that_is_away_costs_no_call_and_no_end(team: Cast, route: Route, key: str, tmp_path: Path) -> None:
    host = Killable(tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **QUICK)
    try:
        process, url = host.start("portal.command", "web")
        assert [ask(url, key).status_code for _ in range(5)] == [200] * 5
        kept(5, within_s=5)
        began = time.monotonic()
        process.terminate()
        process.wait(20)
        assert time.monotonic() - began < 12
    finally:
        host.stop()


LOOKED_FOR = """
import sys
import django
django.setup()
import portal.asgi
from gateway import spans
print(spans.recorder() is None, [name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
)
def test_without_a_collector_nothing_of_it_is_imported(tmp_path: Path, variables: dict[str, str]) -> None:
    assert run(tmp_path, variables).stdout.split("\n")[-2] == "True []"


def test_what_is_not_spoken_is_refused(tmp_path: Path) -> None:
    told = run(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert told.returncode != 0 and "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; it must be http/protobuf" in told.stderr


def run(data: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = Killable(data, **variables)._environment
    return subprocess.run(
        [sys.executable, "-c", LOOKED_FOR], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
