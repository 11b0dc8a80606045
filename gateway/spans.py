"""Tell an OpenTelemetry collector of calls, in the semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/): a span `chat {model}` for each call, and the two client metrics.
Off unless the standard variables name a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`); nothing of it is imported then.

A span is made when its call has ended, with the times and the ids that it had, and under it one for each deployment
that was asked, which is the parent of that provider's own. Threads of the SDK carry spans and metrics away in batches,
and drop them when a collector does not keep up. Prompts and answers are not told.
"""

from __future__ import annotations

import logging
from functools import cache
from threading import local
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from gateway import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from gateway.metering import CallSummary
    from gateway.pipeline import Call
    from gateway.snapshot import Target
    from gateway.timeline import Tried

log = logging.getLogger(__name__)

# `gen_ai.provider.name` of kinds that the conventions know; others go by the name that they have here.
WELL_KNOWN = {
    "openai_platform": "openai", "azure": "azure.ai.openai", "anthropic": "anthropic", "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini", "vertex": "gcp.vertex_ai", "mistral": "mistral_ai", "cohere": "cohere",
}  # fmt: skip
TOKENS = [4**power for power in range(14)]  # the bounds that the conventions advise
SECONDS = [0.01 * 2**power for power in range(14)]
FLUSH_MS = 1_000


@cache
def recorder() -> Recorder | None:
    """The one of this process; None where nobody is to be told."""
    if not (settings.OTEL_SPANS or settings.OTEL_METRICS):
        return None
    return Recorder()


class Recorder:
    """Makes spans and counts metrics of calls that ended."""

    def __init__(self) -> None:
        self._ids = local()
        self._tracers = self._spans_made() if settings.OTEL_SPANS else None
        self._meters = self._metrics_made() if settings.OTEL_METRICS else None

    def ended(self, call: Call, summary: CallSummary) -> None:
        """A call has come to its end. Whatever breaks in here must not break the call."""
        try:
            self._record(call, summary)
        except Exception:
            log.exception("A call could not be told to the collector.")

    def flush(self) -> None:
        """Send what is left, for a second at most."""
        for provider in (self._tracers, self._meters):
            if provider is not None:
                provider.force_flush(FLUSH_MS)

    # --- within ------------------------------------------------------------------------------------------------------

    def _spans_made(self) -> TracerProvider:
        from opentelemetry.context import Context
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator

        ids = self._ids

        class Given(IdGenerator):
            """The ids that providers were sent already."""

            def generate_trace_id(self) -> int:
                return int(ids.trace.trace_id, 16)

            def generate_span_id(self) -> int:
                return int(ids.span_id, 16)

        provider = TracerProvider(resource=_resource(), id_generator=Given())
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = provider.get_tracer("atrium.gateway")
        sampler = provider.sampler
        tracing.are_recorded_by(
            lambda trace_id: sampler.should_sample(Context(), int(trace_id, 16), "call").decision.is_sampled()
        )
        return provider

    def _metrics_made(self) -> MeterProvider:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=_resource())
        meter = provider.get_meter("atrium.gateway")
        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a call", explicit_bucket_boundaries_advisory=TOKENS
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration of a call", explicit_bucket_boundaries_advisory=SECONDS
        )
        return provider

    def _record(self, call: Call, summary: CallSummary) -> None:
        asked, target = call.admitted.asked, call.meter.target
        operation = "text_completion" if asked.form == "completions" else asked.operation
        model = summary.upstream_name or call.admitted.route.slug
        named: dict[str, AttributeValue] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": _provider_name(target) or "atrium",
            "gen_ai.request.model": model,
            **_address(target),
        }
        if summary.error_code and summary.outcome != "cancelled":
            named["error.type"] = summary.error_code
        if self._meters is not None:
            self._duration.record(summary.duration_ms / 1000, named)
            for kind, tokens in (("input", summary.input_tokens), ("output", summary.output_tokens)):
                if tokens:
                    self._usage.record(tokens, {**named, "gen_ai.token.type": kind})
        if self._tracers is not None:
            self._span(call, summary, f"{operation} {model}", named)

    def _span(self, call: Call, summary: CallSummary, name: str, named: dict[str, AttributeValue]) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import (
            NonRecordingSpan,
            SpanContext,
            SpanKind,
            Status,
            StatusCode,
            TraceFlags,
            TraceState,
            set_span_in_context,
        )

        trace, context = call.meter.trace, Context()
        if trace.parent_id:
            parent = SpanContext(
                int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=TraceFlags(trace.flags),
                trace_state=TraceState.from_header([trace.state]) if trace.state else TraceState(),
            )  # fmt: skip
            context = set_span_in_context(NonRecordingSpan(parent), context)
        self._ids.trace, self._ids.span_id = trace, trace.span_id
        began_ns = call.meter.began_at_ns
        span = self._tracer.start_span(
            name, context, SpanKind.CLIENT, {**named, **_told(call, summary)}, start_time=began_ns
        )
        if summary.outcome in ("failed", "interrupted"):
            span.set_status(Status(StatusCode.ERROR, summary.error_code))
        ended_ns = began_ns + summary.duration_ms * 1_000_000
        for number, tried in enumerate(call.meter.timeline.tried):
            if tried.span_id:
                self._attempt(span, call, tried, number, str(named["gen_ai.operation.name"]), ended_ns)
        span.end(ended_ns)

    def _attempt(self, of: Span, call: Call, tried: Tried, number: int, operation: str, call_ended_ns: int) -> None:
        """The span of one deployment that was asked, below that `of` the call."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        timeline, summary, began_ns = call.meter.timeline, call.summary, call.meter.began_at_ns
        code = tried.failure
        if not tried.ended_at and summary is not None and summary.outcome in ("failed", "interrupted"):
            code = summary.error_code
        told = _told_of(tried, number, operation)
        if code:
            told["error.type"] = code
        self._ids.span_id = tried.span_id
        span = self._tracer.start_span(
            f"{operation} {tried.target.upstream_name}", set_span_in_context(of, Context()), SpanKind.CLIENT, told,
            start_time=began_ns + timeline.ns_at(tried.began_at),
        )  # fmt: skip
        if code:
            span.set_status(Status(StatusCode.ERROR, code))
        span.end(began_ns + timeline.ns_at(tried.ended_at) if tried.ended_at else call_ended_ns)


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    told = Resource.create()  # from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    if str(told.attributes.get("service.name", "")).startswith("unknown_service"):
        told = told.merge(Resource({"service.name": "atrium-gateway"}))
    return told


def _provider_name(target: Target | None) -> str:
    return WELL_KNOWN.get(target.dialect, target.provider) if target is not None else ""


def _address(target: Target | None) -> dict[str, AttributeValue]:
    parts = urlsplit(target.base_url) if target is not None else None
    if parts is None or not parts.hostname:
        return {}
    return {"server.address": parts.hostname, "server.port": parts.port or (443 if parts.scheme == "https" else 80)}


def _told(call: Call, summary: CallSummary) -> dict[str, AttributeValue]:
    """What is told of a call beside that by which it is counted."""
    admitted = call.admitted
    told: dict[str, AttributeValue | None] = {
        "gen_ai.usage.input_tokens": summary.input_tokens,
        "gen_ai.usage.output_tokens": summary.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": summary.cached_input_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": summary.reasoning_tokens or None,
        "gen_ai.request.stream": call.is_streamed,
        "gen_ai.response.finish_reasons": [summary.finish_reason] if summary.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": None
        if summary.first_token_ms is None
        else summary.first_token_ms / 1000,
        "atrium.call_id": summary.call_id,
        "atrium.request_id": admitted.request_id,
        "atrium.place": admitted.place.path,
        "atrium.route": admitted.route.slug,
        "atrium.outcome": summary.outcome,
        "atrium.cost": None if summary.cost is None else format(summary.cost, "f"),
        "atrium.currency": summary.currency,
    }
    for name in ("max_tokens", "temperature", "top_p"):
        value = call.meter.asked.neutral.get(name)
        told[f"gen_ai.request.{name}"] = value if isinstance(value, int | float) else None
    return {name: value for name, value in told.items() if value is not None}


def _told_of(tried: Tried, number: int, operation: str) -> dict[str, AttributeValue]:
    """What is told of one deployment that was asked; tokens are told of the call, which would else count twice."""
    target = tried.target
    told: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider_name(target),
        "gen_ai.request.model": target.upstream_name,
        "atrium.deployment": str(target.deployment_id),
        "atrium.route": tried.route,
        **_address(target),
    }
    if number:
        told["http.request.resend_count"] = number
    if tried.status is not None:
        told["http.response.status_code"] = tried.status
    if tried.answered_at:
        told["gen_ai.response.time_to_first_chunk"] = round(tried.answered_at - tried.began_at, 6)
    return told
