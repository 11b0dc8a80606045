"""What Mistral is asked: nothing it does not know; and what it answers, thoughts among it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.asked import Asked
from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers import known
from gateway.snapshot import Target
from gateway.sse import ServerSentEvent

MISTRAL = known()["mistral"]
TARGET: Any = Target(None, "mistral", "Mistral", "mistral", "https://api.mistral.ai/v1", "k", "large")  # type: ignore[arg-type]
HELLO = [{"role": "user", "content": "Hello"}]


def chat(**more: Any) -> Asked:
    return CHAT.read({"model": "m", "messages": HELLO} | more)


def sent(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(MISTRAL.request(TARGET, asked).body)
    return told


def test_only_what_it_knows_is_sent_by_its_names() -> None:
    asked = chat(
        stream=True, stream_options={"include_usage": True}, seed=3, max_completion_tokens=9, user="u", logprobs=True,
        tools=[{"type": "function", "function": {"name": "look"}}], tool_choice="required", store=False,
        messages=[{"role": "developer", "content": "Be brief."}, *HELLO],
    )  # fmt: skip
    assert sent(asked) == {
        "model": "large", "stream": True, "random_seed": 3, "max_tokens": 9,
        "tools": [{"type": "function", "function": {"name": "look"}}], "tool_choice": "any",
        "messages": [{"role": "system", "content": "Be brief."}, *HELLO],
    }  # fmt: skip


def test_a_call_and_its_result_keep_one_name_that_it_takes() -> None:
    call = {"id": "call_1234567890", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1234567890", "content": "x"}]  # fmt: skip
    _, called, answered = sent(chat(messages=messages))["messages"]
    name = called["tool_calls"][0]["id"]
    assert len(name) == 9 and name.isalnum() and answered["tool_call_id"] == name
    own = [*HELLO, {"role": "tool", "tool_call_id": "D681PevKs", "content": "x"}]
    assert sent(chat(messages=own))["messages"][1]["tool_call_id"] == "D681PevKs"


@pytest.mark.parametrize(
    ("reason", "told"), [("stop", "stop"), ("model_length", "length"), ("tool_calls", "tool_calls")]
)
def test_thoughts_are_told_apart_and_why_it_ended(reason: str, told: str) -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]
    event = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}
    read = MISTRAL.reading(chat(stream=True)).event(ServerSentEvent(json.dumps(event).encode()))
    assert read is not None and read.form == ""
    assert read.chunk["choices"] == [
        {"index": 0, "delta": {"content": "Yes.", "reasoning_content": "Hm."}, "finish_reason": told}
    ]
    plain = {"choices": [{"index": 0, "message": {"content": "Yes."}, "finish_reason": "stop"}]}
    assert MISTRAL.reading(chat()).whole(json.dumps(plain).encode()).chunk == plain


def test_embeddings_and_text_completions_are_asked_in_its_form() -> None:
    asked = EMBEDDINGS.read({"model": "e", "input": ["a"], "dimensions": 8, "encoding_format": "float", "user": "u"})
    assert MISTRAL.request(TARGET, asked).url == "https://api.mistral.ai/v1/embeddings"
    assert sent(asked) == {"model": "large", "input": ["a"], "output_dimension": 8, "encoding_format": "float"}
    assert MISTRAL.cannot(EMBEDDINGS.read({"model": "e", "input": [1]}))
    old = COMPLETIONS.read({"model": "m", "prompt": "Once"})
    assert sent(old)["messages"] == [{"role": "user", "content": "Once"}]
    assert MISTRAL.cannot(COMPLETIONS.read({"model": "m", "prompt": ["a", "b"]}))
