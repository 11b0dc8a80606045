"""The access log: one line for each call that ended and each request that was refused before it was one, where
`GATEWAY_ACCESS_LOG` is on. It tells who called what, how it ended and what it took; nothing of what was said, and no
words of a provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gateway.options import options

if TYPE_CHECKING:
    from gateway.metering import CallSummary
    from gateway.pipeline import Call
    from gateway.wire import Exchange
    from refusals import Refusal

LOGGER = "atrium.access"
log = structlog.get_logger(LOGGER)


def ended(call: Call, summary: CallSummary) -> None:
    """A call has come to its end, in whatever way."""
    if not options.gateway_access_log:
        return
    admitted, trace = call.admitted, call.meter.trace
    log.info(
        "call",
        request_id=admitted.request_id,
        call_id=summary.call_id,
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_id=trace.parent_id,
        place=admitted.place.path,
        key=admitted.caller.key_prefix,
        origin=admitted.caller.origin,
        route=admitted.route.slug,
        provider=summary.provider,
        deployment=summary.upstream_name,
        is_streamed=call.is_streamed,
        outcome=summary.outcome,
        status=summary.status,
        code=summary.error_code,
        finish_reason=summary.finish_reason,
        input_tokens=summary.input_tokens,
        cached_input_tokens=summary.cached_input_tokens,
        output_tokens=summary.output_tokens,
        reasoning_tokens=summary.reasoning_tokens,
        counted_by=summary.usage_source,
        cost=None if summary.cost is None else format(summary.cost, "f"),
        currency=summary.currency,
        first_token_ms=summary.first_token_ms,
        ms=summary.duration_ms,
    )


def refused(exchange: Exchange, refusal: Refusal) -> None:
    """A request that became no call. `path` is without its query."""
    if options.gateway_access_log:
        trace = exchange.trace
        log.info(
            "refused",
            request_id=exchange.request_id,
            trace_id=trace.trace_id,
            parent_id=trace.parent_id,
            method=exchange.method[:20],
            path=exchange.path[:120],
            status=refusal.status,
            code=refusal.code,
        )
