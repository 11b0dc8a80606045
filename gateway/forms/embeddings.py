"""`POST /v1/embeddings`: OpenAI's form, which is the neutral one of this operation."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson

from gateway.asked import Asked, InvalidRequest, checked_object
from gateway.event import Event
from gateway.forms.form import Form, Writing
from gateway.forms.shared import refuse_elsewhere

MOST_INPUTS = 2048  # to one call, as OpenAI has it


class EmbeddingsWriting(Writing):
    """The answer as it is; there are no streams."""

    def whole(self, event: Event) -> bytes:
        return event.data if event.form == self.form.name else orjson.dumps(self.with_usage(event.chunk))

    def event(self, event: Event) -> bytes:
        raise NotImplementedError("embeddings are not streamed")


class Embeddings(Form):
    name = "embeddings"
    path = "/v1/embeddings"
    writing: ClassVar = EmbeddingsWriting

    def read(self, body: Any) -> Asked:
        """Texts, or lists of token numbers."""
        body = checked_object(body)
        refuse_elsewhere(body)
        if body.get("stream"):
            raise InvalidRequest("Embeddings are not streamed; leave “stream” out.", field="stream")
        if not _is_input(body.get("input")):
            raise InvalidRequest(
                f"“input” must be a text, a list of token numbers, or a list of up to {MOST_INPUTS:,} of one of them.",
                field="input",
            )
        return Asked(self.name, "embeddings", body, body)


def _is_input(given: Any) -> bool:
    if isinstance(given, str):
        return bool(given)
    if not isinstance(given, list) or not given:
        return False
    if _are_tokens(given):
        return True
    of_texts = all(isinstance(each, str) and each for each in given)
    return len(given) <= MOST_INPUTS and (
        of_texts or all(isinstance(each, list) and _are_tokens(each) for each in given)
    )


def _are_tokens(given: list[Any]) -> bool:
    return bool(given) and all(type(each) is int and each >= 0 for each in given)


EMBEDDINGS = Embeddings()
