"""Anthropic's Messages API (https://api.anthropic.com/v1), and endpoints that are compatible with it."""

from __future__ import annotations

from typing import Any

from catalog.dialects import Listing, ids_of_data
from gateway.asked import Asked
from gateway.providers.anthropic.asking import as_sent, check_betas, translated
from gateway.providers.anthropic.reading import MessagesReading
from gateway.providers.provider import Provider, Reading, Request, as_json, lines_of
from gateway.snapshot import Target

FORM = "messages"
VERSION = "2023-06-01"  # the one that still takes a temperature, from models that do


class Anthropic(Provider):
    """Takes its own form as it comes, with the version and the betas that the client named; a chat translated."""

    name = "anthropic"
    words = "Anthropic"
    listed_as = "anthropic"
    address = "https://api.anthropic.com/v1"
    example = address
    system_in = "system"
    joins_turns = True

    def listing(self, base_url: str, credential: str) -> Listing:
        return Listing(f"{base_url}/models?limit=1000", _headers(credential), ids_of_data)

    def takes(self, form: str) -> bool:
        return form == FORM

    def cannot(self, asked: Asked) -> str:
        if self.takes(asked.form):
            return ""
        if asked.operation != "chat":
            return "it has no embeddings"
        if asked.answers > 1:
            return "it gives one answer a call"
        if asked.neutral.get("logprobs"):
            return "it tells no log probabilities"
        return asked.lost

    def request(self, target: Target, asked: Asked) -> Request:
        named = self.headers_of(asked)
        headers = {name: value for name, value in _headers(target.credential).items() if name not in named}
        address = f"{target.base_url}/messages" if target.base_url else ""
        body = as_json(self.body(target, asked) | {"model": target.upstream_name})
        return Request(address, headers, body, lines_of(named))

    def body(self, target: Target, asked: Asked) -> dict[str, Any]:
        """What is asked, under the name that the client called the model. Raises `InvalidRequest`."""
        return as_sent(asked.body) if asked.form == FORM else translated(asked.neutral, target)

    def headers_of(self, asked: Asked) -> dict[str, str]:
        """Those that the client named: a version and betas. Raises `InvalidRequest`."""
        check_betas(asked.headers.get("anthropic-beta", ""))
        return dict(asked.headers)

    def reading(self, asked: Asked) -> Reading:
        return MessagesReading(asked)


def _headers(credential: str) -> dict[str, str]:
    return {"anthropic-version": VERSION} | ({"x-api-key": credential} if credential else {})


PROVIDER = Anthropic()
