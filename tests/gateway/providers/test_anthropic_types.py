"""What Anthropic's API is asked has the types of its official SDK, and so have the answers of these tests."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParams
from pydantic import TypeAdapter, ValidationError

from gateway.forms import FORMS
from gateway.providers.anthropic import PROVIDER
from gateway.snapshot import Target
from tests.gateway.providers.messages_api import CLOCK, WEATHER, events, message, text

# Version 2026-10-21 has them no more; the one that is asked for still does, and so do the models that take them.
SAMPLING = ("temperature", "top_p", "top_k")
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": True},
}
CALLED = [
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"place": "here"}'}},
    {"id": "b", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
]
PARTS = [
    {"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
]
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": PARTS},
    {"role": "assistant", "content": "I look.", "tool_calls": CALLED},
    {"role": "tool", "tool_call_id": "a", "content": "sunny"},
    {"role": "tool", "tool_call_id": "b", "content": [text("noon")]},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def exhausted(value: Any) -> Any:
    """What was validated; lists are, only when they are read."""
    if isinstance(value, dict):
        return {name: exhausted(each) for name, each in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [exhausted(each) for each in value]


def check(body: dict[str, Any]) -> None:
    """Every field is known, at every depth, and of its type."""
    typed = {name: value for name, value in body.items() if name not in SAMPLING}
    assert exhausted(TypeAdapter(MessageCreateParams).validate_python(typed)) == typed


def sent(model: str, **more: Any) -> dict[str, Any]:
    target = Target(uuid4(), "anthropic", "Anthropic", "anthropic", "https://api.anthropic.com/v1", "sk", model)
    asked = FORMS["/v1/chat/completions"].read({"model": "x", "messages": CONVERSATION, "stream": False} | more)
    return dict(json.loads(PROVIDER.request(target, asked).body))


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-sonnet-4-5"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True},
        {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "user": "u-1", "max_tokens": 9, "service_tier": "auto"},
        {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
        {"tools": [TOOL], "tool_choice": "none"},
        {"response_format": SCHEMA, "reasoning_effort": "minimal"},
        {"reasoning_effort": "high", "messages": CONVERSATION[:2]},
        {"reasoning_effort": "none"},
        {"response_format": {"type": "json_object"}},
        {"messages": CONVERSATION[:1]},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
    ],
    ids=str,
)
def test_what_it_is_asked_has_the_types_of_the_sdk(model: str, more: dict[str, Any]) -> None:
    check(sent(model, **more))


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}])
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(sent("claude-opus-5") | wrong)


def test_the_answers_of_these_tests_are_such_as_it_gives() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    answer = message(thought, text("I look."), WEATHER, CLOCK, stop="tool_use")
    Message.model_validate(answer)
    for event in events(answer):
        if event["type"] != "ping":
            TypeAdapter(RawMessageStreamEvent).validate_python(event)
