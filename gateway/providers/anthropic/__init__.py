"""Anthropic's Messages API (https://api.anthropic.com/v1), and endpoints that are compatible with it."""

from __future__ import annotations

from gateway.asked import Asked
from gateway.providers.anthropic.asking import as_sent, translated
from gateway.providers.anthropic.reading import MessagesReading
from gateway.providers.provider import Provider, Reading, Request, as_json
from gateway.snapshot import Target

FORM = "messages"
VERSION = "2023-06-01"  # the one that still takes a temperature, from models that do


class Anthropic(Provider):
    """Takes its own form as it comes, with the version and the betas that the client named; a chat translated."""

    name = "anthropic"

    def cannot(self, asked: Asked) -> str:
        if asked.form == FORM:
            return ""
        if asked.operation != "chat":
            return "it has no embeddings"
        if asked.answers > 1:
            return "it gives one answer a call"
        if asked.neutral.get("logprobs"):
            return "it tells no log probabilities"
        return asked.lost

    def request(self, target: Target, asked: Asked) -> Request:
        body = as_sent(asked.body) if asked.form == FORM else translated(asked.neutral, target)
        key = {"x-api-key": target.credential} if target.credential else {}
        headers = {"anthropic-version": VERSION} | asked.headers | key
        address = f"{target.base_url}/messages" if target.base_url else ""
        return Request(address, headers, as_json(body | {"model": target.upstream_name}))

    def reading(self, asked: Asked) -> Reading:
        return MessagesReading(asked)


PROVIDER = Anthropic()
