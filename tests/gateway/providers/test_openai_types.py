"""What OpenAI is asked, whatever form the client has, has the types of its official SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.completion_create_params import CompletionCreateParams as OlderParams
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import TypeAdapter, ValidationError

from gateway.forms import FORMS
from gateway.providers import provider_of
from tests.gateway.providers.test_anthropic_types import exhausted
from tests.gateway.providers.variants import VARIANTS, sent, target

OPENAI = target("openai_platform", "gpt-5")
NOT_ITS_OWN = ("top_k",)  # what others have, and it refuses or passes over


def check(body: dict[str, Any], kind: Any = CompletionCreateParams) -> None:
    """Every field is known, at every depth, and of its type."""
    assert exhausted(TypeAdapter(kind).validate_python(body)) == body


@pytest.mark.parametrize("more", [each for each in VARIANTS if not set(NOT_ITS_OWN) & each.keys()], ids=str)
def test_a_chat_has_the_types_of_the_sdk(more: dict[str, Any]) -> None:
    check(sent(OPENAI, **more))


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}])
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(sent(OPENAI) | wrong)


@pytest.mark.parametrize("stream", [False, True])
def test_so_have_what_clients_of_other_forms_ask(stream: bool) -> None:
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    messages = {
        "model": "m", "max_tokens": 9, "system": "Be brief.", "tools": [tool], "tool_choice": {"type": "any"},
        "stream": stream, "stop_sequences": ["END"], "messages": [{"role": "user", "content": "Hello"}],
    }  # fmt: skip
    check(_body("/v1/messages", messages))
    check(_body("/v1/completions", {"model": "m", "prompt": "Once", "stream": stream}), OlderParams)
    check(_body("/v1/embeddings", {"model": "m", "input": ["a"], "dimensions": 8}), EmbeddingCreateParams)
    check(_body("/v1/responses", {"model": "m", "input": "Hello", "stream": stream}), ResponseCreateParams)


def _body(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(provider_of(OPENAI).request(OPENAI, FORMS[path].read(body)).body))
