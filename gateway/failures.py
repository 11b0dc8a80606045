"""What can go wrong at a provider, told so that a caller can act on it, and whether another deployment may be tried."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import orjson

from gateway import overflow
from gateway.snapshot import Target
from refusals import Refusal

LONGEST_QUOTE = 300  # characters of what a provider says
LONGEST_WAIT_S = 86_400.0
# llama.cpp's server answers 500 also where the request asks for what it or the model cannot do.
CALLERS_FAULT = ("not supported", "unsupported", "missing 'role'", "failed to parse")
OVERLOADED = {503, 529}  # 529 is Anthropic's own
OURS_TO_MEND = {401, 402, 403, 404, 405}  # statuses that tell of our connection to the provider, not of the request


class ProviderFailure(Refusal):
    """The provider did not answer the call. `may_try_elsewhere`: another deployment may do better; `upstream_status`
    is what it answered with, if it did."""

    code = "provider_failed"
    status = 502
    title = "The provider failed"
    may_try_elsewhere = True

    def __init__(
        self, sentence: str, *, status: int | None = None, upstream_status: int | None = None, **facts: Any
    ) -> None:
        super().__init__(sentence, **facts)
        self.upstream_status = upstream_status
        if status is not None:
            self.status = status  # type: ignore[misc]  # the provider's own


class ProviderUnreachable(ProviderFailure):
    code = "provider_unreachable"


class ProviderDropped(ProviderFailure):
    """The connection ended in the middle of the answer."""

    code = "provider_dropped"


class ProviderSilent(ProviderFailure):
    code = "provider_timeout"
    status = 504


class CallTooLong(ProviderFailure):
    """The call has had all its time, so nobody else is asked either."""

    code = "call_too_long"
    status = 504
    may_try_elsewhere = False


class ProviderMalformed(ProviderFailure):
    """What came is not what the protocol says."""

    code = "provider_malformed"


class ProviderBusy(ProviderFailure):
    code = "provider_busy"
    status = 429


class ProviderMisconnected(ProviderFailure):
    """The provider does not accept our credential, address or model name: the platform team's to mend."""

    code = "provider_misconnected"


class ProviderRejected(ProviderFailure):
    """The provider says that the request itself is wrong; nobody else is asked."""

    code = "provider_rejected_request"
    status = 400
    may_try_elsewhere = False


class PromptTooLong(ProviderRejected):
    """The prompt does not fit into what this deployment holds; one that holds more may take it."""

    code = "context_length_exceeded"  # as OpenAI names it, for clients that look for that
    may_try_elsewhere = True


def from_status(target: Target, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
    """The failure that an answer other than 200 means."""
    said = quoted(body)
    if status == 429:
        return _busy(target, said, retry_after_s=_seconds(headers.get("retry-after")))
    if status in OURS_TO_MEND:  # what it says could hold a part of the credential
        return ProviderMisconnected(
            f"{target.provider_name} refuses Atrium's connection (status {status}). The platform team has to mend it."
        )
    if 300 <= status < 400:
        return ProviderMisconnected(
            f"{target.provider_name} points to another address, which is not followed. "
            "The platform team has to mend it."
        )
    is_callers = target.dialect == "local" and status == 500 and any(words in said.lower() for words in CALLERS_FAULT)
    if is_callers or (400 <= status < 500 and status != 408):
        error = _error_of(body)
        kind = PromptTooLong if overflow.is_told(error) else ProviderRejected
        return kind(
            f"{target.provider_name} does not accept the request{said}.",
            status=400 if is_callers else status,
            field=param if isinstance(error, dict) and isinstance(param := error.get("param"), str) else "",
        )
    return ProviderFailure(
        f"{target.provider_name} failed with status {status}{said}. Please try again later.",
        retry_after_s=_seconds(headers.get("retry-after")),
        status=503 if status in OVERLOADED else None,
        upstream_status=status,
    )


def from_error(target: Target, error: Any) -> ProviderFailure:
    """The failure that an error object in an answer of status 200, or in the middle of a stream, means."""
    if overflow.is_throttled(error):
        return _busy(target, _quoted(error))
    if overflow.is_told(error):
        return PromptTooLong(f"{target.provider_name} does not accept the request{_quoted(error)}.")
    is_overloaded = isinstance(error, dict) and error.get("type") == "overloaded_error"  # as Anthropic says it there
    return ProviderFailure(
        f"{target.provider_name} reported an error{_quoted(error)}.", status=503 if is_overloaded else None
    )


def _busy(target: Target, said: str, *, retry_after_s: float | None = None) -> ProviderBusy:
    return ProviderBusy(
        f"{target.provider_name} takes no more calls at the moment{said}. Please try again later.",
        retry_after_s=retry_after_s,
    )


def quoted(body: bytes) -> str:
    """What a provider says in an error, as the end of a sentence; empty when it is nothing for people (HTML, bytes)."""
    return _quoted(_error_of(body))


def _quoted(error: Any) -> str:
    text = error.get("message") if isinstance(error, dict) else error
    if not isinstance(text, str) or not text.strip():
        return ""
    text = " ".join(text.split())
    return f": “{text[:LONGEST_QUOTE].rstrip('.')}{'…' if len(text) > LONGEST_QUOTE else ''}”"


def _error_of(body: bytes) -> Any:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(parsed, dict):
        return None
    if (error := parsed.get("error", parsed.get("detail"))) is not None:
        return error
    return {"message": parsed.get("Message")} | parsed  # Mistral and Amazon say it without an object around it


def _seconds(retry_after: str | None) -> float | None:
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None  # a date: rare, and the caller's own back-off does as well
    if seconds is None or not isfinite(seconds):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT_S)
