"""Reads a completion of a text as a chat's answer: what a model says for whom its conversation was written down."""

from __future__ import annotations

from typing import Any

from gateway.asked import Asked
from gateway.providers.compatible.reading import CompletionsReading


class CompletedReading(CompletionsReading):
    """Each choice's text is what the assistant says."""

    form = ""  # no client asked in the form that came: it is written anew

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._begun: set[Any] = set()  # the choices of a stream that were told to be the assistant's

    def meaning(self, told: dict[str, Any]) -> dict[str, Any]:
        choices = told.get("choices")
        kind = "chat.completion.chunk" if self.asked.is_streamed else "chat.completion"
        if not isinstance(choices, list):
            return told | {"object": kind}
        return told | {"object": kind, "choices": [self._choice(each) for each in choices if isinstance(each, dict)]}

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        text, index = choice.get("text"), choice.get("index")
        place = index if type(index) is int else 0
        said: dict[str, Any] = {"content": text if isinstance(text, str) else ""}
        if place not in self._begun:
            self._begun.add(place)
            said = {"role": "assistant"} | said
        part = "delta" if self.asked.is_streamed else "message"
        return {"index": place, part: said, "logprobs": None, "finish_reason": choice.get("finish_reason")}
