"""Embeddings on Vertex AI, which are a model's predictions (`:predict`).

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api.
"""

from __future__ import annotations

from typing import Any

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.parts import inside
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.providers.vectors import embeddings, refuse_more, texts_to_embed
from gateway.sse import ServerSentEvent

MOST_TEXTS = 250  # a call; some models take one


def as_instances(asked: Asked) -> dict[str, Any]:
    """The body of `:predict`. Raises `InvalidRequest`."""
    texts = texts_to_embed(asked)
    refuse_more(len(texts), MOST_TEXTS)
    sent: dict[str, Any] = {"instances": [{"content": text} for text in texts]}
    dimensions = asked.neutral.get("dimensions")
    return sent | ({"parameters": {"outputDimensionality": dimensions}} if dimensions else {})


class PredictReading(Reading):
    """Vectors, each with the tokens of its text."""

    def event(self, event: ServerSentEvent) -> Event | None:
        raise Unreadable("sent a stream where none was asked for")

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        if told.get("error") is not None:
            raise ToldNo(told["error"], {})
        rows = told.get("predictions")
        if not isinstance(rows, list):
            raise Unreadable("sent an answer without predictions", {})
        counts = [inside(row, "embeddings", "statistics", "token_count") for row in rows]
        usage = None
        if all(type(count) in (int, float) and count >= 0 for count in counts):
            tokens = int(sum(counts))
            usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        vectors = [inside(row, "embeddings", "values") for row in rows]
        return Event(body, embeddings(self.asked, vectors, {"usage": usage}, usage))
