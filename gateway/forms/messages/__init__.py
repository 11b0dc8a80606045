"""`POST /v1/messages`: Anthropic's Messages API, with its own list of models and its own errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from gateway.asked import Asked
from gateway.forms.form import Form, sent_event
from gateway.forms.messages.reading import call_of, prompt_of
from gateway.forms.messages.writing import MessagesWriting
from gateway.rates import Headroom
from gateway.snapshot import Route
from gateway.wire_errors import explained, told_in_full
from refusals import Refusal

# Anthropic's "Errors" page; 504 and 529 are its own for what has no answer in time, and for too much at once.
TYPES = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "timeout_error",
    413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error",
    529: "overloaded_error",
}  # fmt: skip


class Messages(Form):
    name = "messages"
    path = "/v1/messages"
    count_path: ClassVar = "/v1/messages/count_tokens"
    mark = b"anthropic-version"
    headers = ("anthropic-version", "anthropic-beta")
    id_headers = (b"x-request-id", b"request-id")
    writing: ClassVar = MessagesWriting

    def read(self, body: Any) -> Asked:
        return call_of(self.name, body)

    def read_prompt(self, body: Any) -> Asked:
        """What is only to be counted: the same without what an answer needs. Raises `InvalidRequest`."""
        return prompt_of(self.name, body)

    def model(self, route: Route) -> dict[str, Any]:
        return {
            "type": "model",
            "id": route.slug,
            "display_name": route.slug,
            "created_at": route.created_at.isoformat(),
            "lifecycle": "active",
            "max_tokens": route.max_output_tokens,
        }

    def models(self, routes: Sequence[Route]) -> dict[str, Any]:
        """All of them on one page."""
        ends = (
            {"first_id": routes[0].slug, "last_id": routes[-1].slug} if routes else {"first_id": None, "last_id": None}
        )
        return {"data": [self.model(route) for route in routes], "has_more": False, **ends}

    def headroom(self, headroom: Mapping[str, Headroom]) -> Sequence[tuple[bytes, bytes]]:
        """As Anthropic's clients read them ("Rate limits", response headers), with the time of the reset."""
        headers, now = [], dt.datetime.now(dt.UTC)
        for metric, told in headroom.items():
            reset = f"{now + dt.timedelta(seconds=told.reset_s):%Y-%m-%dT%H:%M:%SZ}"
            for name, value in (("limit", told.limit), ("remaining", told.remaining), ("reset", reset)):
                headers.append((f"anthropic-ratelimit-{metric.replace('_', '-')}-{name}".encode(), str(value).encode()))
        return headers

    def refusal(self, refusal: Refusal, request_id: str) -> bytes:
        """As Anthropic's clients read it; our own code and the field are among the details."""
        kind = TYPES.get(refusal.status, "api_error" if refusal.status >= 500 else "invalid_request_error")
        details = {"error_code": refusal.code} | ({"field": refusal.field} if refusal.field else {})
        error = {"type": kind, "message": told_in_full(refusal), "details": details} | explained(refusal)
        return orjson.dumps({"type": "error", "error": error, "request_id": request_id})

    def last_words(self, refusal: Refusal, request_id: str) -> bytes:
        return sent_event(self.refusal(refusal, request_id), b"error")


MESSAGES = Messages()
