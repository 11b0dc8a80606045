"""What Gemini answers, as a chat completion or as embeddings."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.parts import as_text, counts_of, inside, word
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.providers.vectors import embeddings
from gateway.sse import ServerSentEvent
from gateway.told import as_usage

FINISHED = {
    "STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter", "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
    "LANGUAGE": "content_filter", "IMAGE_SAFETY": "content_filter",
}  # fmt: skip
COUNTS = (
    "promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
    "cachedContentTokenCount",
)  # fmt: skip


class AnswerReading(Reading):
    """An answer with its candidates. Every event of a stream is one with what is new, and the usage so far."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._id, self._created = f"chatcmpl-{uuid4().hex}", int(time.time())
        self._calls: dict[int, int] = {}  # how many functions each candidate has called so far
        self._used: dict[str, Any] = {}

    def event(self, event: ServerSentEvent) -> Event | None:
        try:
            told = from_json(event.data)
            _refuse(told)
        except (ToldNo, Unreadable) as error:
            error.told = error.told or self._used
            raise
        self._used = _usage(told) or self._used
        return Event(event.data, self._meaning(told, "delta", "chat.completion.chunk"))

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        _refuse(told)
        if not isinstance(told.get("candidates"), list) and "promptFeedback" not in told:
            raise Unreadable("sent an answer without candidates", _usage(told))
        return Event(body, self._meaning(told, "message", "chat.completion"))

    def _meaning(self, told: dict[str, Any], part: str, kind: str) -> dict[str, Any]:
        given = told.get("candidates")
        candidates = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        choices = [self._choice(each, part) for each in candidates]
        if not choices and inside(told, "promptFeedback", "blockReason"):
            choices = [{"index": 0, part: {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}]
        meaning = {
            "id": self._id, "object": kind, "created": self._created,
            "model": self.asked.model, "choices": choices,
        }  # fmt: skip
        is_last = part == "message" or any(choice["finish_reason"] for choice in choices) or not choices
        return meaning | _usage(told) if is_last else meaning

    def _choice(self, candidate: dict[str, Any], part: str) -> dict[str, Any]:
        index = candidate["index"] if type(candidate.get("index")) is int else 0
        given = inside(candidate, "content", "parts")
        parts = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        texts = [each for each in parts if isinstance(each.get("text"), str)]
        said: dict[str, Any] = {"role": "assistant"}
        said["content"] = "".join(each["text"] for each in texts if not each.get("thought"))
        if thought := "".join(each["text"] for each in texts if each.get("thought")):
            said["reasoning_content"] = thought
        if calls := [self._call(each, index, part) for each in parts if isinstance(each.get("functionCall"), dict)]:
            said["tool_calls"] = calls
        reason = candidate.get("finishReason")
        finished = FINISHED.get(str(reason), "stop") if reason else None
        if finished == "stop" and self._calls.get(index):
            finished = "tool_calls"
        return {"index": index, part: said, "finish_reason": finished}

    def _call(self, part: dict[str, Any], candidate: int, kind: str) -> dict[str, Any]:
        called = part["functionCall"]
        place = self._calls.get(candidate, 0)
        self._calls[candidate] = place + 1
        told: dict[str, Any] = {
            "id": word(called.get("id")) or f"call_{uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": word(called.get("name")), "arguments": as_text(called.get("args"))},
        }
        if kind == "delta":
            told["index"] = place
        if signature := word(part.get("thoughtSignature")):  # it wants it back with the result
            told["extra_content"] = {"google": {"thought_signature": signature}}
        return told


class EmbeddingReading(Reading):
    """Vectors; it does not tell what they used."""

    def event(self, event: ServerSentEvent) -> Event | None:
        raise Unreadable("sent a stream where none was asked for")

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        _refuse(told)
        rows = told.get("embeddings")
        if not isinstance(rows, list):
            raise Unreadable("sent an answer without embeddings", told)
        return Event(body, embeddings(self.asked, [inside(row, "values") for row in rows], told))


def _refuse(told: dict[str, Any]) -> None:
    if told.get("error") is not None:
        raise ToldNo(told["error"], _usage(told))


def _usage(told: dict[str, Any]) -> dict[str, Any]:
    """What it counted; an answer without a text has no count of one."""
    counts = counts_of(told.get("usageMetadata"), COUNTS[:1], COUNTS[1:])
    if counts is None:
        return {}
    asked, of_tools, said, thought, cached = counts
    return {"usage": as_usage(asked + of_tools, said + thought, cached, thought)}
