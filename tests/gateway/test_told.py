"""What a provider tells of its tokens is taken where it can be true; the rest is counted, with all of the prompt."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.costing import prompt_tokens
from gateway.counting import USUAL
from gateway.forms.chat import CHAT
from gateway.told import Told, told_by
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider, chunk, usage
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "stream": True}
TEXT = "Well, this is it."
TOOL = {"type": "function", "function": {"name": "look", "description": "Look out of the window. " * 50}}


def told(**more: Any) -> dict[str, Any]:
    return chunk() | {"choices": [], "usage": more}


def call_of(client: httpx.Client, provider: Provider, *events: Any, then: str = "") -> Call:
    provider.behaves(streams(*events, then=then))
    client.post("/v1/chat/completions", json=ASKED)
    return kept().get()


def test_it_works(client: httpx.Client, provider: Provider) -> None:
    call = call_of(client, provider, chunk(TEXT), chunk(finish="stop"), told(**usage(11, 5)))
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (11, 5, "provider")


@pytest.mark.parametrize(
    ("said", "tokens_in"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0}, 0),
        ({"prompt_tokens": 1_000}, 1_000),
        ({"prompt_tokens": 1_000, "completion_tokens": 0}, 1_000),
        ({"prompt_tokens": 1_000, "completion_tokens": None}, 1_000),
    ],
)
def test_a_text_without_its_tokens_is_counted(
    client: httpx.Client, provider: Provider, said: dict[str, Any], tokens_in: int
) -> None:
    call = call_of(client, provider, chunk(TEXT), chunk(finish="stop"), told(**said))
    assert (call.outcome, call.usage_source) == ("ok", "counted") and 4 <= call.output_tokens <= 8
    assert call.input_tokens == tokens_in if tokens_in else 5 <= call.input_tokens <= 12


@pytest.mark.parametrize("said", [{"completion_tokens": 500}, {"prompt_tokens": 0, "completion_tokens": 500}])
def test_an_answer_without_its_prompt_is_counted(
    client: httpx.Client, provider: Provider, said: dict[str, Any]
) -> None:
    call = call_of(client, provider, chunk(TEXT), chunk(finish="stop"), told(**said))
    assert (call.output_tokens, call.usage_source) == (500, "counted") and 5 <= call.input_tokens <= 12


def test_an_answer_without_text_may_have_used_nothing(client: httpx.Client, provider: Provider) -> None:
    call = call_of(client, provider, chunk(finish="content_filter"), told(prompt_tokens=9, completion_tokens=0))
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (9, 0, "provider")


def test_embeddings_that_used_nothing_are_counted(client: httpx.Client, provider: Provider) -> None:
    body = b'{"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 0, "total_tokens": 0}}'
    provider.behaves(answers(200, body))
    client.post("/v1/embeddings", json={"model": "echo-model", "input": "Say something, anything."})
    call = kept().get()
    assert (call.usage_source, call.output_tokens) == ("counted", 0) and call.input_tokens >= 4


def test_reasoning_beside_the_completion_is_output_too(client: httpx.Client, provider: Provider) -> None:
    said = {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 399}
    details = {"completion_tokens_details": {"reasoning_tokens": 386}}
    call = call_of(client, provider, chunk("Hi"), chunk(finish="stop"), told(**said, **details))
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (12, 387, 386)
    assert call.usage_source == "provider"


def test_a_total_that_cannot_be_true_is_not_believed() -> None:
    for total in (None, 3, "399", 10**15, True):
        assert told_by({"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": total}) == Told(12, 1, 0, 0)


def test_the_prompt_that_was_told_early_is_kept_where_a_call_is_cut(client: httpx.Client, provider: Provider) -> None:
    begun = chunk("Well") | {"usage": usage(1_000, 1)}
    call = call_of(client, provider, begun, chunk(", this is it."), then="break")
    assert (call.outcome, call.input_tokens, call.usage_source) == ("failed", 1_000, "counted")
    assert 4 <= call.output_tokens <= 8, "not the one token that was told at the beginning"


def test_the_prompt_of_a_cut_call_is_counted_with_its_tools(client: httpx.Client, provider: Provider) -> None:
    asked = ASKED | {"tools": [TOOL]}
    expected = prompt_tokens(CHAT.read(asked), USUAL)
    provider.behaves(streams(chunk(TEXT), then="break"))
    client.post("/v1/chat/completions", json=asked)
    assert kept().get().input_tokens == expected > 250
