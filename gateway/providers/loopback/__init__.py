"""The loopback: answers made in the gateway's own process, without a network and without a model, for tests and load.

Its calls go through all that others do: admission, limits, budgets, the journal and the ledger. Its address says how it
answers (`loopback://here?first_ms=50&tps=200&fail=0.01`, see `manner.py` beside this).
"""

from __future__ import annotations

from typing import ClassVar

import orjson
from django.conf import settings

from catalog.dialects import Inside
from catalog.loopback import LABEL, LOOPBACK
from gateway.answering import Answering
from gateway.asked import Asked
from gateway.providers.compatible.reading import ChatReading, EmbeddingsReading
from gateway.providers.loopback.answers import answer_to
from gateway.providers.loopback.manner import normalised, read
from gateway.providers.loopback.turns import Turns
from gateway.providers.provider import Provider, Reading, Request, as_json, beyond_one_answer
from gateway.providers.vectors import refuse_more
from gateway.snapshot import Target
from gateway.stop import Stop
from gateway.upstream import TooSlow, Upstream

MOST_TEXTS = 96  # to one request for embeddings: the vectors are made in the gateway's own loop


class Loopback(Provider):
    """Answers in OpenAI's form, which is read as any other's is."""

    name = LOOPBACK
    words = LABEL.capitalize()
    address = "loopback://here"
    example = "loopback://here?first_ms=50&tps=200&fail=0.01"
    credential = "None."
    about = (
        "Its address can say how it answers: first_ms until an answer begins, tps tokens a second, tokens of every "
        "answer, and the part of the calls (0 to 1) that fail, are told that it is busy, or drop in the middle."
    )
    inside: ClassVar[Inside | None] = Inside(normalised, (LOOPBACK,))

    def __init__(self) -> None:
        self._turns = Turns()

    @property
    def is_offered(self) -> bool:
        return bool(settings.LOOPBACK_PROVIDER)

    def listing(self, base_url: str, credential: str) -> None:
        """There is nobody to ask."""

    def takes(self, form: str) -> bool:
        return form in ("chat", "embeddings")

    def cannot(self, asked: Asked) -> str:
        if not settings.LOOPBACK_PROVIDER:
            return "no model stands behind it, and such answers are switched off here (ATRIUM_LOOPBACK)"
        if asked.operation == "embeddings":
            return "it takes texts, no token numbers" if asked.tokens else ""
        return beyond_one_answer(asked)

    def request(self, target: Target, asked: Asked) -> Request:
        if asked.operation == "embeddings":
            refuse_more(sum(1 for _ in asked.texts), MOST_TEXTS)
        body = as_json(asked.neutral | {"model": target.upstream_name})
        return Request(f"{LOOPBACK}:{asked.operation}", {}, body)

    async def send(
        self, upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
    ) -> Answering:
        how = read(target.base_url)
        if how.first_s > timeout_s:
            await stop.pause(timeout_s)
            raise TooSlow(f"nothing came for {timeout_s:g} s")
        if how.first_s:
            await stop.pause(how.first_s)
        operation = request.url.rpartition(":")[2]
        return answer_to(operation, orjson.loads(request.body), how, self._turns.next(target.base_url, how))

    def reading(self, asked: Asked) -> Reading:
        return EmbeddingsReading(asked) if asked.operation == "embeddings" else ChatReading(asked)


PROVIDER = Loopback()
