"""Vectors that a provider tells in a form of its own, as OpenAI's embeddings have them."""

from __future__ import annotations

import base64
import struct
from typing import Any

from gateway.asked import Asked, InvalidRequest
from gateway.providers.provider import Unreadable


def embeddings(asked: Asked, vectors: list[Any], told: Any, usage: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer to `asked`, with each vector as it is wanted. Raises `Unreadable` with all that was `told` where one
    is none."""
    try:
        written = [_written([float(number) for number in vector], asked) for vector in vectors]
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise Unreadable("sent embeddings that are no numbers", told) from error
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(written)]
    return {"object": "list", "model": asked.model, "data": data} | ({"usage": usage} if usage else {})


def texts_to_embed(asked: Asked) -> list[str]:
    """The texts of a request that holds no token numbers."""
    given = asked.neutral["input"]
    return [given] if isinstance(given, str) else given


def refuse_more(texts: int, most: int) -> None:
    """Raise `InvalidRequest` for a request of more texts than a provider takes in one call."""
    if texts > most:
        raise InvalidRequest(f"What serves this model takes at most {most} texts a call.", field="input")


def _written(vector: list[float], asked: Asked) -> list[float] | str:
    if asked.neutral.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
