"""What Cohere answers, as a chat completion or as embeddings."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.parts import inside, object_of, word
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.providers.vectors import embeddings
from gateway.sse import ServerSentEvent
from gateway.told import as_usage

FINISHED = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}  # fmt: skip
BROKEN = ("ERROR", "TIMEOUT", "ERROR_LIMIT")  # reasons that are none for an answer
DONE = b"[DONE]"


class ChatReading(Reading):
    """Text, thoughts and tool calls; its plan before it calls tools is told as a thought."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._named: dict[str, Any] = {
            "id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": asked.model,
        }  # fmt: skip
        self._calls: dict[str, int] = {}  # the place of a tool call among them, by the number of its event

    def event(self, event: ServerSentEvent) -> Event | None:
        if event.data.strip() == DONE:
            self.is_over = True
            return None
        told = from_json(event.data)
        kind, delta = told.get("type"), object_of(told.get("delta"))
        if kind == "message-end":
            self.is_over = True
            return Event(event.data, self._end(delta))
        if kind is None and "message" in told:  # an error has no type
            raise ToldNo(told, {})
        said = self._said(kind, told.get("index"), object_of(delta.get("message")))
        return None if said is None else Event(event.data, self._chunk({"delta": said, "finish_reason": None}))

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        message = told.get("message")
        if not isinstance(message, dict):
            raise Unreadable("sent an answer without a message", _usage(told.get("usage")))
        _refuse(told, _usage(told.get("usage")))
        given = message.get("content")
        parts = [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []
        said: dict[str, Any] = {"role": "assistant", "content": "".join(word(part.get("text")) or "" for part in parts)}
        thoughts = [message.get("tool_plan"), *(part.get("thinking") for part in parts)]
        if thought := "".join(filter(None, map(word, thoughts))):
            said["reasoning_content"] = thought
        calls = message.get("tool_calls")
        if called := [_call(each) for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []:
            said["tool_calls"] = called
        chunk = self._chunk({"message": said, "finish_reason": _finished(told)}, "chat.completion")
        return Event(body, chunk | _usage(told.get("usage")))

    def _end(self, delta: dict[str, Any]) -> dict[str, Any]:
        used = _usage(delta.get("usage"))
        _refuse(delta, used)
        return self._chunk({"delta": {}, "finish_reason": _finished(delta)}) | used

    def _said(self, kind: Any, index: Any, message: dict[str, Any]) -> dict[str, Any] | None:
        """What an event adds to the answer; None for what means nothing here, such as a citation."""
        match kind:
            case "message-start":
                return {"role": "assistant", "content": ""}
            case "content-start" | "content-delta":
                content = object_of(message.get("content"))
                if thought := word(content.get("thinking")):
                    return {"reasoning_content": thought}
                return {"content": text} if (text := word(content.get("text"))) else None
            case "tool-plan-delta":
                return {"reasoning_content": plan} if (plan := word(message.get("tool_plan"))) else None
            case "tool-call-start":
                place = self._calls.setdefault(str(index), len(self._calls))
                return {"tool_calls": [{"index": place, **_call(object_of(message.get("tool_calls")))}]}
            case "tool-call-delta":
                added = word(inside(message, "tool_calls", "function", "arguments"))
                place = self._calls.get(str(index), 0)
                return {"tool_calls": [{"index": place, "function": {"arguments": added}}]} if added else None
        return None

    def _chunk(self, choice: dict[str, Any], kind: str = "chat.completion.chunk") -> dict[str, Any]:
        return {**self._named, "object": kind, "choices": [{"index": 0, **choice}]}


class EmbedReading(Reading):
    """Vectors, with what was billed."""

    def event(self, event: ServerSentEvent) -> Event | None:
        raise Unreadable("sent a stream where none was asked for")

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        vectors = inside(told, "embeddings", "float")
        tokens = _count(inside(told, "meta", "billed_units", "input_tokens"))
        usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
        if not isinstance(vectors, list):
            raise Unreadable("sent an answer without embeddings", {"usage": usage})
        return Event(body, embeddings(self.asked, vectors, {"usage": usage}, usage))


def _call(told: dict[str, Any]) -> dict[str, Any]:
    function = {
        "name": word(inside(told, "function", "name")),
        "arguments": word(inside(told, "function", "arguments")) or "",
    }
    return {"id": word(told.get("id")), "type": "function", "function": function}


def _refuse(told: dict[str, Any], used: dict[str, Any]) -> None:
    """Raise `ToldNo` where the end of an answer says that it is none."""
    if told.get("error") or told.get("finish_reason") in BROKEN:
        raise ToldNo({"message": word(told.get("error")) or "it could not finish its answer"}, used)


def _finished(told: dict[str, Any]) -> str:
    reason = told.get("finish_reason")
    return FINISHED.get(reason, "stop") if isinstance(reason, str) else "stop"


def _usage(usage: Any) -> dict[str, Any]:
    """What is billed; where that is not told, what it counted with what it adds itself."""
    for group in ("billed_units", "tokens"):
        tokens_in = _count(inside(usage, group, "input_tokens"))
        tokens_out = _count(inside(usage, group, "output_tokens"))
        if tokens_in is not None and tokens_out is not None:
            return {"usage": as_usage(tokens_in, tokens_out, _count(inside(usage, "cached_tokens")) or 0)}
    return {}


def _count(value: Any) -> int | None:
    """A count; its numbers may be written with a decimal point."""
    is_count = type(value) in (int, float) and value >= 0 and value == value // 1
    return int(value) if is_count else None
