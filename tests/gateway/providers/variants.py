"""One conversation with all that a chat has, and what can be asked for beside it: each kind is asked all of them, and
what it sends is held against the types of its official SDK."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.asked import Asked
from gateway.forms.chat import CHAT
from gateway.providers import provider_of
from gateway.snapshot import Target
from gateway.sse import ServerSentEvent

TOOL = {
    "type": "function",
    "function": {
        "name": "weather", "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}  # fmt: skip
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
CALLED = [
    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "here"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
]
PICTURE = [
    {"type": "text", "text": "Look."},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
]
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": PICTURE},
    {"role": "assistant", "content": "I look.", "tool_calls": CALLED},
    {"role": "tool", "tool_call_id": "call_1", "content": '{"sky": "blue"}'},
    {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
    {"role": "assistant", "content": "Blue, at noon."},
    {"role": "user", "content": "Thanks."},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
NAMED = {"type": "function", "function": {"name": "weather"}}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "max_tokens": 9, "user": "u-1"},
    {"presence_penalty": 0.1, "frequency_penalty": 0.2, "seed": 3, "max_completion_tokens": 5, "stop": "END"},
    {"tools": [TOOL, CLOCK], "tool_choice": "auto", "parallel_tool_calls": False},
    {"tools": [TOOL, CLOCK], "tool_choice": "required"},
    {"tools": [TOOL, CLOCK], "tool_choice": NAMED},
    {"tools": [TOOL], "tool_choice": "none"},
    {"response_format": SCHEMA},
    {"response_format": {"type": "json_object"}},
    {"reasoning_effort": "high"},
    {"reasoning_effort": "none"},
    {"top_k": 5},
]


def asked(**more: Any) -> Asked:
    return CHAT.read({"model": "m", "messages": CONVERSATION} | more)


def target(kind: str, model: str, base_url: str = "https://models.example.test", credential: str = "k") -> Any:
    return Target(None, kind, kind, kind, base_url, credential, model)  # type: ignore[arg-type]  # which one matters not


def sent(at: Any, **more: Any) -> dict[str, Any]:
    """What a kind sends, `{}` for what it says that it cannot be asked."""
    each = asked(**more)
    if provider_of(at).cannot(each):
        return {}
    told: dict[str, Any] = json.loads(provider_of(at).request(at, each).body)
    return told


def whole(at: Any, answer: Any, **more: Any) -> ChatCompletion:
    """An answer as OpenAI's own client reads what is made of it."""
    chunk = provider_of(at).reading(asked(**more)).whole(json.dumps(answer).encode()).chunk
    return ChatCompletion.model_validate(chunk, strict=True)


def streamed(at: Any, events: list[ServerSentEvent]) -> list[ChatCompletionChunk]:
    """The same of a stream."""
    reading = provider_of(at).reading(asked(stream=True))
    read = [reading.event(event) for event in events]
    return [ChatCompletionChunk.model_validate(each.chunk, strict=True) for each in read if each is not None]


def event(told: Any) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(told).encode())


def said(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
