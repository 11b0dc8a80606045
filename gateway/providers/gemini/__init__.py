"""Google's Gemini API (`generateContent`, `streamGenerateContent`, `batchEmbedContents`).

Source: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from catalog.dialects import Listing
from gateway.asked import Asked
from gateway.providers.gemini.asking import as_contents, as_embedding
from gateway.providers.gemini.reading import AnswerReading, EmbeddingReading
from gateway.providers.provider import Provider, Reading, Request, as_json
from gateway.snapshot import Target


class Gemini(Provider):
    """Everything is put to it in its own form."""

    name = "gemini"
    words = "Google Gemini"
    listed_as = "google"
    address = "https://generativelanguage.googleapis.com/v1beta"
    example = address
    system_in = "systemInstruction"
    joins_turns = True

    def listing(self, base_url: str, credential: str) -> Listing:
        return Listing(f"{base_url}/models?pageSize=1000", self.headers(credential), _names)

    def cannot(self, asked: Asked) -> str:
        if asked.operation == "embeddings" and asked.tokens:
            return "it takes texts, no token numbers"
        return asked.lost

    def request(self, target: Target, asked: Asked) -> Request:
        if asked.operation == "embeddings":
            verb, body = "batchEmbedContents", as_embedding(target.upstream_name, asked.neutral)
        else:
            verb = "streamGenerateContent?alt=sse" if asked.is_streamed else "generateContent"
            body = as_contents(asked.neutral)
        url = f"{target.base_url}/models/{quote(target.upstream_name, safe='')}:{verb}"
        return Request(url, self.headers(target.credential), as_json(body))

    def reading(self, asked: Asked) -> Reading:
        return EmbeddingReading(asked) if asked.operation == "embeddings" else AnswerReading(asked)

    def headers(self, credential: str) -> dict[str, str]:
        """What carries the credential."""
        return {"x-goog-api-key": credential} if credential else {}


def _names(told: Any) -> Iterable[Any]:
    return [row["name"].removeprefix("models/") for row in told["models"]]


PROVIDER = Gemini()
