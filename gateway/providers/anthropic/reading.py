"""Reads what Anthropic's Messages API answers (its API reference, "Messages" and "Streaming messages")."""

from __future__ import annotations

import time
from typing import Any

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.parts import as_text, counts_of, object_of, word
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.sse import ServerSentEvent
from gateway.told import as_usage

FORM = "messages"
REASONS = {
    "end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls",
    "model_context_window_exceeded": "length", "refusal": "content_filter",
}  # fmt: skip
COUNTS, OF_THE_CACHE = ("input_tokens", "output_tokens"), ("cache_creation_input_tokens", "cache_read_input_tokens")


class MessagesReading(Reading):
    """Messages and their events. Kinds that are not known mean nothing: new ones may come at any time.

    The usage counts up in a stream, so that it means something only at the end. What its beginning tells is told where
    it fails, and at once where no chunk is sent to the client: in a chat some would add it to the one at the end.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._named: dict[str, Any] = {"id": "", "created": int(time.time()), "model": ""}
        self._usage: dict[str, Any] = {}
        self._is_counted = True  # all that was said so far is in the usage
        self._calls: dict[str, int] = {}  # blocks that are calls of tools, by their index: which call it is

    def event(self, event: ServerSentEvent) -> Event | None:
        try:
            told = from_json(event.data)
            if told.get("type") == "error":
                raise ToldNo(told.get("error", told), None)
        except (ToldNo, Unreadable) as error:
            error.told = self._used_so_far()
            raise
        chunk = self._meaning(told)
        if not chunk and self.asked.form != FORM:
            return None
        return Event(event.data, chunk, FORM, event.type)

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        self._begin(told)
        if told.get("type") == "error":
            raise ToldNo(told.get("error", told), self._used_so_far())
        blocks = told.get("content")
        if not isinstance(blocks, list):
            raise Unreadable("sent an answer without content", self._used_so_far())
        choice = {
            "index": 0,
            "message": _message([object_of(block) for block in blocks]),
            "logprobs": None,
            **_stopped(told),
        }
        return Event(body, {**self._chunk("chat.completion", [choice]), **self._used()}, FORM)

    def _meaning(self, told: dict[str, Any]) -> dict[str, Any]:
        match told.get("type"):
            case "message_start":
                self._begin(object_of(told.get("message")))
                used = self._used_so_far() if self.asked.form == FORM else {}
                return {**self._delta({"role": "assistant", "content": ""}), **used}
            case "content_block_start":
                self._is_counted = False
                return self._block(told.get("index"), object_of(told.get("content_block")))
            case "content_block_delta":
                self._is_counted = False
                return self._more(told.get("index"), object_of(told.get("delta")))
            case "message_delta":
                self._usage |= (stated := _stated(told.get("usage")))
                self._is_counted = self._is_counted or "output_tokens" in stated
                stopped = _stopped(object_of(told.get("delta")))
                return self._delta({}, **stopped) if stopped["finish_reason"] else {}
            case "message_stop":
                self.is_over = True
                return {**self._chunk("chat.completion.chunk", []), **used} if (used := self._used()) else {}
        return {}

    def _begin(self, message: dict[str, Any]) -> None:
        self._named |= {name: message[name] for name in ("id", "model") if isinstance(message.get(name), str)}
        self._usage = _stated(message.get("usage"))

    def _block(self, index: Any, block: dict[str, Any]) -> dict[str, Any]:
        if block.get("type") == "tool_use":
            place = self._calls[str(index)] = len(self._calls)
            function = {"name": word(block.get("name")), "arguments": ""}
            return self._call(place, {"id": word(block.get("id")), "type": "function", "function": function})
        return self._more(index, block)  # some begin with a part of it

    def _more(self, index: Any, delta: dict[str, Any]) -> dict[str, Any]:
        if thought := word(delta.get("thinking")):
            return self._delta({"reasoning_content": thought})
        if text := word(delta.get("text")):
            return self._delta({"content": text})
        if (piece := word(delta.get("partial_json"))) and str(index) in self._calls:
            return self._call(self._calls[str(index)], {"function": {"arguments": piece}})
        return {}

    def _call(self, place: int, call: dict[str, Any]) -> dict[str, Any]:
        return self._delta({"tool_calls": [{"index": place, **call}]})

    def _delta(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason, **more}
        return self._chunk("chat.completion.chunk", [choice])

    def _chunk(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._named, "object": kind, "choices": choices}

    def _used(self) -> dict[str, Any]:
        """The usage of a chat completion, whose prompt has in it what was cached; nothing for what is no count."""
        counts = counts_of(self._usage, COUNTS, OF_THE_CACHE)
        if counts is None:
            return {}
        fresh, out, written, read = counts
        thought = object_of(self._usage.get("output_tokens_details")).get("thinking_tokens")
        return {
            "usage": as_usage(fresh + written + read, out, read, thought if type(thought) is int else None, written)
        }

    def _used_so_far(self) -> dict[str, Any]:
        """What an answer has used that may fail now: its prompt alone where its own count is behind what it said."""
        self._usage = {"output_tokens": 0} | self._usage
        used = self._used()
        if used and not self._is_counted:
            used = {"usage": {name: used["usage"][name] for name in ("prompt_tokens", "prompt_tokens_details")}}
        return used


def _message(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """A chat completion's message. What tools of the provider's own did stands in none."""
    said = [word(block.get("text")) or "" for block in blocks if block.get("type") == "text"]
    thoughts = [word(block.get("thinking")) or "" for block in blocks if block.get("type") == "thinking"]
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    message: dict[str, Any] = {"role": "assistant", "content": None if calls and not said else "".join(said)}
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    return message | {"tool_calls": calls} if calls else message


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {"name": word(block.get("name")), "arguments": as_text(block.get("input"))}
    return {"id": word(block.get("id")), "type": "function", "function": function}


def _stopped(told: dict[str, Any]) -> dict[str, Any]:
    """Why the answer ended; which sequence it was stands where vLLM tells it."""
    reason = told.get("stop_reason")
    stopped = {"finish_reason": REASONS.get(str(reason), "stop") if reason else None}
    sequence = word(told.get("stop_sequence"))
    return stopped | ({"stop_reason": sequence} if sequence else {})


def _stated(usage: Any) -> dict[str, Any]:
    return {name: value for name, value in object_of(usage).items() if value is not None}
