"""`POST /v1/embeddings`: OpenAI's form, which is the neutral one of this operation."""

from __future__ import annotations

from typing import Any, ClassVar

from gateway.asked import Asked, InvalidRequest, checked_object
from gateway.forms.chat import ChatWriting
from gateway.forms.form import Form
from gateway.forms.shared import refuse_elsewhere

MOST_INPUTS = 2048  # to one call, as OpenAI has it


class Embeddings(Form):
    name = "embeddings"
    path = "/v1/embeddings"
    writing: ClassVar = ChatWriting  # of an answer that is never streamed

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
