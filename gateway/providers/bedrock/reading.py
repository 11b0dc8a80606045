"""What Bedrock's Converse answers, as a chat completion."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.bedrock.frames import FrameParser
from gateway.providers.parts import as_text, counts_of, inside, word
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.sse import ServerSentEvent
from gateway.told import as_usage

FINISHED = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
}  # fmt: skip
COUNTS, OF_THE_CACHE = ("inputTokens", "outputTokens"), ("cacheReadInputTokens", "cacheWriteInputTokens")


class ConverseReading(Reading):
    """Blocks of text, of thoughts and of tool calls; a stream tells each by its number."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._id, self._created = f"chatcmpl-{uuid4().hex}", int(time.time())
        self._calls: dict[str, int] = {}  # the place of a tool call among them, by the number of its block

    def parser(self) -> FrameParser:
        return FrameParser()

    def event(self, event: ServerSentEvent) -> Event | None:
        told = from_json(event.data)
        kind = event.type.decode("ascii", "replace")
        if kind.startswith("exception"):
            name = kind.partition(" ")[2]
            raise ToldNo({"message": told.get("message") or told.get("Message") or name, "type": name}, _usage(told))
        if kind == "metadata":
            self.is_over = True
            return Event(event.data, self._chunk([]) | _usage(told))
        delta, reason = self._delta(kind, told)
        if delta is None and reason is None:
            return None
        return Event(event.data, self._chunk([{"index": 0, "delta": delta or {}, "finish_reason": reason}]))

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        content = inside(told, "output", "message", "content")
        if not isinstance(content, list):
            raise Unreadable("sent an answer without a message", _usage(told))
        blocks = [block for block in content if isinstance(block, dict)]
        said: dict[str, Any] = {"role": "assistant", "content": "".join(_texts(blocks))}
        if thought := "".join(_thoughts(blocks)):
            said["reasoning_content"] = thought
        if calls := [_call(block["toolUse"]) for block in blocks if isinstance(block.get("toolUse"), dict)]:
            said["tool_calls"] = calls
        choice = {"index": 0, "message": said, "finish_reason": _finished(told)}
        return Event(body, self._chunk([choice]) | {"object": "chat.completion"} | _usage(told))

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": self.asked.model,
            "choices": choices,
        }  # fmt: skip

    def _delta(self, kind: str, told: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        """What an event adds to the answer, and why that ended; neither for what means nothing here."""
        match kind:
            case "messageStart":
                return {"role": "assistant", "content": ""}, None
            case "contentBlockStart":
                return self._began(told), None
            case "contentBlockDelta":
                return self._added(told), None
            case "messageStop":
                return {}, _finished(told)
        return None, None

    def _began(self, told: dict[str, Any]) -> dict[str, Any] | None:
        use = inside(told, "start", "toolUse")
        if not isinstance(use, dict):
            return None
        place = self._calls.setdefault(str(told.get("contentBlockIndex")), len(self._calls))
        function = {"name": word(use.get("name")), "arguments": ""}
        called = {"index": place, "id": word(use.get("toolUseId")), "type": "function", "function": function}
        return {"tool_calls": [called]}

    def _added(self, told: dict[str, Any]) -> dict[str, Any] | None:
        if isinstance(text := inside(told, "delta", "text"), str):
            return {"content": text}
        if isinstance(thought := inside(told, "delta", "reasoningContent", "text"), str):
            return {"reasoning_content": thought}
        if isinstance(added := inside(told, "delta", "toolUse", "input"), str):
            place = self._calls.get(str(told.get("contentBlockIndex")), 0)
            return {"tool_calls": [{"index": place, "function": {"arguments": added}}]}
        return None


def _finished(told: dict[str, Any]) -> str:
    reason = told.get("stopReason")
    return FINISHED.get(reason, "stop") if isinstance(reason, str) else "stop"


def _texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks if isinstance(block.get("text"), str)]


def _thoughts(blocks: list[dict[str, Any]]) -> list[str]:
    told = [inside(block, "reasoningContent", "reasoningText", "text") for block in blocks]
    return [text for text in told if isinstance(text, str)]


def _call(use: dict[str, Any]) -> dict[str, Any]:
    function = {"name": word(use.get("name")), "arguments": as_text(use.get("input"))}
    return {"id": word(use.get("toolUseId")), "type": "function", "function": function}


def _usage(told: dict[str, Any]) -> dict[str, Any]:
    """What it counted. Tokens that it read from or wrote to its cache are told apart from the others."""
    counts = counts_of(told.get("usage"), COUNTS, OF_THE_CACHE)
    if counts is None:
        return {}
    fresh, tokens_out, cached, written = counts
    return {"usage": as_usage(fresh + cached + written, tokens_out, cached, None, written or None)}
