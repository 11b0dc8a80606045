"""What Cohere is asked has the types of its official SDK, and answers of these types are read.

The SDK is imported by the tests: it takes a second.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers.cohere.asking import as_embedding
from tests.gateway.providers.variants import CALLED, VARIANTS, event, said, sent, streamed, target, whole

COHERE = target("cohere", "command-a")
USED = {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 60, "output_tokens": 9}}


def extras(value: Any) -> list[str]:
    """Fields that the SDK does not know, at any depth."""
    if isinstance(value, BaseModel):
        inner = [extras(getattr(value, name)) for name in type(value).model_fields]
        return [*(value.model_extra or {}), *(each for found in inner for each in found)]
    return [each for item in value for each in extras(item)] if isinstance(value, list) else []


def check(body: dict[str, Any]) -> None:
    """Every field is one that its client sends, and of its type."""
    from cohere.types import ChatMessageV2, ResponseFormatV2, Thinking, ToolV2
    from cohere.v2.raw_client import RawV2Client

    call = RawV2Client.chat_stream if body.get("stream") else RawV2Client.chat
    hints = inspect.get_annotations(call, eval_str=True)
    assert body.keys() - {"stream"} <= hints.keys(), body.keys() - hints.keys()
    typed: dict[str, Any] = {
        "messages": list[ChatMessageV2],
        "tools": list[ToolV2],
        "response_format": ResponseFormatV2,
        "thinking": Thinking,
    }
    for name, kind in typed.items():
        if name in body:
            read = TypeAdapter(kind).validate_python(body[name])
            assert extras(read) == [], name
    for name in body.keys() - typed.keys() - {"stream"}:
        TypeAdapter(hints[name]).validate_python(body[name], strict=True)


@pytest.mark.parametrize("more", VARIANTS, ids=str)
def test_what_it_is_asked_has_the_types_of_the_sdk(more: dict[str, Any]) -> None:
    check(sent(COHERE, **more))


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
                                   {"messages": [{"role": "user", "content": "x", "zzz": 1}]}, {"k": "x"}])  # fmt: skip
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(sent(COHERE) | wrong)


def test_embeddings_have_the_names_of_the_sdk() -> None:
    from cohere.v2.raw_client import RawV2Client

    body = as_embedding(EMBEDDINGS.read({"model": "m", "input": ["a"], "dimensions": 8}))
    hints = inspect.get_annotations(RawV2Client.embed, eval_str=True)
    for name, value in body.items():
        TypeAdapter(hints[name]).validate_python(value, strict=True)


def test_an_answer_of_the_sdk_is_read() -> None:
    from cohere.v2.types import V2ChatResponse

    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]
    message = {"role": "assistant", "content": content, "tool_plan": "I look.", "tool_calls": CALLED}
    told = {"id": "a", "finish_reason": "TOOL_CALL", "usage": USED, "message": message}
    assert extras(V2ChatResponse.model_validate(told)) == []
    read = whole(COHERE, told)
    assert read.choices[0].message.content == "Yes." and read.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in read.choices[0].message.tool_calls or []] == ["weather", "clock"]  # type: ignore[union-attr]


def test_a_stream_of_the_sdk_is_read() -> None:
    from cohere.v2.types import V2ChatStreamResponse

    def part(kind: str, message: dict[str, Any], index: int = 0) -> dict[str, Any]:
        return {"type": kind, "index": index, "delta": {"message": message}}

    events = [
        {"type": "message-start", "id": "a", "delta": {"message": {"role": "assistant"}}},
        part("content-start", {"content": {"type": "text", "text": ""}}),
        part("content-delta", {"content": {"text": "Yes"}}),
        part("content-delta", {"content": {"text": "."}}),
        {"type": "content-end", "index": 0},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I look."}}},
        part("tool-call-start", {"tool_calls": CALLED[0]}),
        part("tool-call-delta", {"tool_calls": {"function": {"arguments": "{}"}}}),
        {"type": "tool-call-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USED}},
    ]
    for each in events:
        assert extras(TypeAdapter(V2ChatStreamResponse).validate_python(each)) == [], each
    chunks = streamed(COHERE, [event(each) for each in events])
    assert said(chunks) == "Yes." and chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 5
