"""What the head of an answer tells of its call: which it was, where it was sent, how long it waited, what it cost."""

from __future__ import annotations

from functools import lru_cache

from gateway.pipeline import Call

_CONTROL = dict.fromkeys((*range(0x20), 0x7F), "?")  # a line break in a header makes a bare 500 of the answer
type Headers = list[tuple[bytes, bytes]]


def call_headers(call: Call) -> Headers:
    """A stream's head comes before its cost is known; that is told by the call's page, and on demand at its end."""
    target, summary, waited_ms = call.meter.target, call.summary, call.meter.waited_ms
    provider, upstream_name = (target.provider, target.upstream_name) if target is not None else ("", "")
    headers = [
        (b"x-atrium-call-id", call.meter.id_text.encode()),
        *_where(call.admitted.route.slug, provider, upstream_name),
    ]
    if call.not_stored:
        headers.append((b"x-atrium-not-stored", call.not_stored.translate(_CONTROL).encode("ascii", "replace")))
    if waited_ms is not None:
        headers.append((b"x-atrium-waited-ms", str(waited_ms).encode()))
    if summary is not None and summary.cost is not None:
        headers.append((b"x-atrium-cost", format(summary.cost, "f").encode()))
        headers.append((b"x-atrium-currency", summary.currency.encode()))
    return headers


@lru_cache(maxsize=4096)
def _where(slug: str, provider: str, upstream_name: str) -> Headers:
    headers = [(b"x-atrium-route", slug.encode("latin-1", "replace"))]
    if provider:
        deployment = f"{provider}/{upstream_name}".translate(_CONTROL)
        headers.append((b"x-atrium-deployment", deployment.encode("ascii", "replace")))
    return headers
