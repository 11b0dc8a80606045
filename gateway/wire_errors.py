"""The edge of `/v1`: a refusal becomes OpenAI's error object, with the address where to ask or to mend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings

from gateway.rates import Headroom
from refusals import Refusal


def error_object(refusal: Refusal) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}` as OpenAI's clients read it."""
    return {
        "error": {
            "message": told_in_full(refusal),
            "type": "insufficient_quota" if refusal.code == "insufficient_quota" else _type(refusal.status),
            "param": refusal.field or None,
            "code": refusal.code,
            **explained(refusal),
        }
    }


def explained(refusal: Refusal) -> dict[str, Any]:
    """The explanation, where the caller wants one (`gateway.explaining`)."""
    return {"explanation": told} if (told := refusal.facts.get("explanation")) else {}


def told_in_full(refusal: Refusal) -> str:
    """The reason, and the address where to ask or to mend."""
    if not refusal.way_out:
        return refusal.sentence
    return f"{refusal.sentence} Ask for it here: {absolute(refusal.way_out)}"


def error_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """What an error's answer carries besides: when to try again, where to ask, how to sign in."""
    headers = []
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(refusal.retry_after_s))).encode()))
    if refusal.way_out:
        headers.append((b"x-atrium-way-out", absolute(refusal.way_out).encode("ascii", "replace")))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="Atrium"'))
    if refusal.facts.get("should_retry") is False:  # OpenAI's clients try a 429 again unless they are told
        headers.append((b"x-should-retry", b"false"))
    allow = refusal.facts.get("allow")
    if allow:
        headers.append((b"allow", str(allow).encode()))
    return headers


def headroom_headers(headroom: Mapping[str, Headroom]) -> list[tuple[bytes, bytes]]:
    """The tightest limits that hold the caller, in OpenAI's form: `x-ratelimit-limit-requests` and so on."""
    headers = []
    for metric, (limit, remaining, reset_s) in headroom.items():
        of_limit, of_remaining, of_reset = _names(metric)
        headers.append((of_limit, b"%d" % limit))
        headers.append((of_remaining, b"%d" % remaining))
        headers.append((of_reset, b"%ds" % reset_s))
    return headers


@cache
def _names(metric: str) -> tuple[bytes, bytes, bytes]:
    limit, remaining, reset = (
        f"x-ratelimit-{name}-{metric.replace('_', '-')}".encode() for name in ("limit", "remaining", "reset")
    )
    return limit, remaining, reset


def absolute(path: str) -> str:
    """The address of a page of the portal."""
    return f"{settings.PUBLIC_URL}{path}"


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    if status == 401:
        return "authentication_error"
    if status == 403:
        return "permission_error"
    return "server_error" if status >= 500 else "invalid_request_error"
