"""What Mistral is asked has the types of its official SDK, and answers of these types are read.

The SDK is imported by the tests: it takes a second.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.gateway.providers.variants import CALLED, VARIANTS, event, said, sent, streamed, target, whole

MISTRAL = target("mistral", "mistral-large")
USED = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def unknown(sent: Any, read: Any, path: str = "") -> list[str]:
    """What was sent and is not in what the SDK read of it."""
    if isinstance(sent, dict):
        assert isinstance(read, dict), path
        missing = [f"{path}.{name}" for name in sent if name not in read]
        there = [unknown(value, read[name], f"{path}.{name}") for name, value in sent.items() if name in read]
        return [*missing, *(each for found in there for each in found)]
    if isinstance(sent, list):
        assert isinstance(read, list) and len(read) == len(sent), path
        return [found for place, value in enumerate(sent) for found in unknown(value, read[place], f"{path}[{place}]")]
    return []


def check(body: dict[str, Any]) -> None:
    """Every field is known, at every depth, and of its type."""
    from mistralai.client import models

    kind = models.ChatCompletionStreamRequest if body.get("stream") else models.ChatCompletionRequest
    read = kind.model_validate(body).model_dump(by_alias=True)
    assert unknown(body, read) == []


@pytest.mark.parametrize("more", VARIANTS, ids=str)
def test_what_it_is_asked_has_the_types_of_the_sdk(more: dict[str, Any]) -> None:
    check(sent(MISTRAL, **more))


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"messages": [{"role": "user", "content": 5}]},
                                   {"messages": [{"role": "user", "content": "x", "zzz": 1}]}])  # fmt: skip
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(sent(MISTRAL) | wrong)


def test_an_answer_of_the_sdk_is_read() -> None:
    from mistralai.client import models

    thoughts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]
    message = {"role": "assistant", "content": thoughts, "tool_calls": CALLED}
    told = {"id": "m", "object": "chat.completion", "model": "x", "created": 1, "usage": USED,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}  # fmt: skip
    models.ChatCompletionResponse.model_validate(told)
    read = whole(MISTRAL, told)
    assert read.choices[0].message.content == "Yes." and read.usage is not None and read.usage.prompt_tokens == 11


def test_a_stream_of_the_sdk_is_read() -> None:
    from mistralai.client import models

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"id": "m", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice], **more}

    events = [chunk({"role": "assistant", "content": "Ye"}), chunk({"content": [{"type": "text", "text": "s."}]}),
              chunk({"content": ""}, "stop", usage=USED)]  # fmt: skip
    for each in events:
        models.CompletionChunk.model_validate(each)
    chunks = streamed(MISTRAL, [event(each) for each in events])
    assert said(chunks) == "Yes." and chunks[-1].choices[0].finish_reason == "stop"
