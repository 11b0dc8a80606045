"""Reads what OpenAI-compatible endpoints answer."""

from __future__ import annotations

from typing import Any

from gateway.event import Event
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.sse import ServerSentEvent

DONE = b"[DONE]"


class ChatReading(Reading):
    """Chat completions, which mean what they say."""

    form = "chat"

    def event(self, event: ServerSentEvent) -> Event | None:
        if event.data.strip() == DONE:
            self.is_over = True
            return None
        told = from_json(event.data)
        if told.get("error") is not None or event.type == b"error":
            raise ToldNo(told.get("error", told), told)
        return Event(event.data, self.meaning(told), self.form)

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        if told.get("error") is not None:
            raise ToldNo(told["error"], told)
        self.check(told)
        return Event(body, self.meaning(told), self.form)

    def check(self, told: dict[str, Any]) -> None:
        """Raise `Unreadable` for what is no answer."""
        if not isinstance(told.get("choices"), list):
            raise Unreadable("sent an answer without choices", told)

    def meaning(self, told: dict[str, Any]) -> dict[str, Any]:
        """`told` in the neutral form."""
        return told


class CompletionsReading(ChatReading):
    """Completions from before chats: each choice has a text where a chat's has a message."""

    form = "completions"

    def meaning(self, told: dict[str, Any]) -> dict[str, Any]:
        choices = told.get("choices")
        if not isinstance(choices, list):
            return told
        part = "delta" if self.asked.is_streamed else "message"
        return told | {
            "choices": [
                choice | {part: {"content": choice.get("text")}} for choice in choices if isinstance(choice, dict)
            ]
        }


class EmbeddingsReading(ChatReading):
    """Vectors."""

    form = "embeddings"

    def check(self, told: dict[str, Any]) -> None:
        if not isinstance(told.get("data"), list):
            raise Unreadable("sent an answer without embeddings", told)
