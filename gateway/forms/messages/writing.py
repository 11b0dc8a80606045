"""Writes an answer in Anthropic's form: a message, or the events of which its stream consists."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.asked import Asked
from gateway.event import Event
from gateway.forms.form import Form, Writing, sent_event
from gateway.forms.messages.blocks import Blocks, finished_input, new_id
from gateway.providers.parts import object_of

STOPS = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "function_call": "tool_use",
    "content_filter": "refusal",
}  # fmt: skip
THOUGHTS = ("reasoning_content", "reasoning")  # two names for one thing, of which a server has one


class MessagesWriting(Writing):
    """What a provider said in this form goes out as it came; else each part of a chat completion as a block.

    A stream's usage and reason to stop are known at its end, so that they are told there.
    """

    def __init__(self, form: Form, asked: Asked) -> None:
        super().__init__(form, asked)
        self._has_begun = self._is_native = self._has_tools = self._was_refused = False
        self._blocks = Blocks()
        self._choice: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None

    def whole(self, event: Event) -> bytes:
        if event.form == self.form.name:
            return event.data
        self._note(event.chunk)
        content: list[dict[str, Any]] = []
        message = object_of(self._choice.get("message"))
        if thought := _said(message, *THOUGHTS):
            content.append({"type": "thinking", "thinking": thought, "signature": ""})
        if text := self._text(message):
            content.append({"type": "text", "text": text})
        for call in _calls(message):
            function = object_of(call.get("function"))
            arguments = _said(function, "arguments")
            used = {"id": str(call.get("id") or new_id()), "name": str(function.get("name") or "")}
            content.append({"type": "tool_use", **used, "input": finished_input(arguments)})
            self._has_tools = True
        answer = self._message(event.chunk) | {"content": content, **self._stopped(), "usage": self._used()}
        return orjson.dumps(answer)

    def event(self, event: Event) -> bytes:
        if event.form == self.form.name:
            self._is_native = True
            return sent_event(event.data, event.kind)
        self._note(event.chunk)
        sent = [] if self._has_begun else [self._start(event.chunk)]
        choices = event.chunk.get("choices")
        delta = object_of(self._choice.get("delta")) if choices else {}
        if thought := _said(delta, *THOUGHTS):
            sent += self._blocks.thought(thought)
        if text := self._text(delta):
            sent += self._blocks.text(text)
        if calls := _calls(delta):
            self._has_tools = True
            for call in calls:
                sent += self._blocks.tool(call)
        return b"".join(map(_as_event, sent))

    def end(self) -> bytes:
        if self._is_native:
            return b""
        last = {"type": "message_delta", "delta": self._stopped(), "usage": self._used()}
        begun = [] if self._has_begun else [self._start({})]
        return b"".join(map(_as_event, [*begun, *self._blocks.close(), last, {"type": "message_stop"}]))

    def _note(self, chunk: dict[str, Any]) -> None:
        """Keep what is told at the end."""
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            kept = {name: self._choice[name] for name in ("finish_reason", "stop_reason") if self._choice.get(name)}
            told = {name: value for name, value in choices[0].items() if value is not None}
            self._choice = kept | {"delta": None} | told
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]

    def _start(self, chunk: dict[str, Any]) -> dict[str, Any]:
        self._has_begun = True
        none_yet = {"input_tokens": 0, "output_tokens": 0}
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": none_yet}
        return {"type": "message_start", "message": self._message(chunk) | empty}

    def _message(self, chunk: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": str(chunk.get("id") or "msg"),
            "type": "message",
            "role": "assistant",
            "model": str(chunk.get("model") or self.asked.model),
        }

    def _text(self, part: dict[str, Any]) -> str:
        """What is said, or why nothing is."""
        refused = _said(part, "refusal")
        self._was_refused = self._was_refused or bool(refused)
        return _said(part, "content") or refused

    def _stopped(self) -> dict[str, Any]:
        """Why the answer ended. vLLM tells which of the sequences it was, as others may."""
        told, finished = self._choice.get("stop_reason"), str(self._choice.get("finish_reason"))
        if isinstance(told, str) and told in (self.asked.neutral.get("stop") or ()):
            return {"stop_reason": "stop_sequence", "stop_sequence": told}
        reason = STOPS.get(finished, "end_turn")
        if self._has_tools and reason == "end_turn":  # some say so only by the calls themselves
            reason = "tool_use"
        return {"stop_reason": "refusal" if self._was_refused else reason, "stop_sequence": None}

    def _used(self) -> dict[str, Any]:
        """The usage that was told, else what was counted."""
        usage = self._usage or self.counted or {}
        of_prompt = object_of(usage.get("prompt_tokens_details"))
        of_answer = object_of(usage.get("completion_tokens_details"))
        read, written = _count(of_prompt, "cached_tokens"), _count(of_prompt, "cache_creation_tokens")
        used: dict[str, Any] = {
            "input_tokens": max(0, _count(usage, "prompt_tokens") - read - written),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": _count(usage, "completion_tokens"),
        }
        if thought := _count(of_answer, "reasoning_tokens"):
            used["output_tokens_details"] = {"thinking_tokens": thought}
        return used


def _as_event(told: dict[str, Any]) -> bytes:
    return sent_event(orjson.dumps(told), str(told["type"]).encode())


def _said(part: dict[str, Any], *fields: str) -> str:
    return next((text for field in fields if isinstance(text := part.get(field), str) and text), "")


def _calls(part: dict[str, Any]) -> list[dict[str, Any]]:
    calls = part.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _count(of: dict[str, Any], name: str) -> int:
    value = of.get(name)
    return value if type(value) is int and value > 0 else 0
