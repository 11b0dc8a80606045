"""Cohere's API (`/v2/chat`, `/v2/embed`).

Source: https://docs.cohere.com/v2/reference/chat-stream and https://docs.cohere.com/v2/reference/embed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.dialects import Listing
from gateway.asked import Asked
from gateway.providers.cohere.asking import as_chat, as_embedding
from gateway.providers.cohere.reading import ChatReading, EmbedReading
from gateway.providers.provider import Provider, Reading, Request, as_json, beyond_one_answer
from gateway.snapshot import Target


class Cohere(Provider):
    """Everything is put to it in its own form. Its address is that of the host: each operation has a version of its
    own in its path."""

    name = "cohere"
    words = "Cohere"
    listed_as = "cohere"
    address = "https://api.cohere.com"
    example = address

    def listing(self, base_url: str, credential: str) -> Listing:
        return Listing(f"{base_url}/v1/models?page_size=1000", _headers(credential), _names)

    def cannot(self, asked: Asked) -> str:
        if asked.operation == "embeddings":
            return "it takes texts, no token numbers" if asked.tokens else ""
        return beyond_one_answer(asked)

    def request(self, target: Target, asked: Asked) -> Request:
        is_embedding = asked.operation == "embeddings"
        body = as_embedding(asked) if is_embedding else as_chat(asked.neutral)
        url = f"{target.base_url}/v2/{'embed' if is_embedding else 'chat'}"
        return Request(url, _headers(target.credential), as_json({"model": target.upstream_name, **body}))

    def reading(self, asked: Asked) -> Reading:
        return EmbedReading(asked) if asked.operation == "embeddings" else ChatReading(asked)


def _headers(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"} if credential else {}


def _names(told: Any) -> Iterable[Any]:
    return [row["name"] for row in told["models"]]


PROVIDER = Cohere()
