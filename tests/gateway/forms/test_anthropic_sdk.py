"""The unmodified `anthropic` client; behind the gateway are a provider of chat completions, and Anthropic's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from catalog.models import Route
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import kept
from tests.gateway.forms.test_messages import ASKED, KINDS, TOOLS, speaks
from tests.gateway.provider import Provider, chunk
from tests.gateway.providers.messages_api import CLOCK, WEATHER, as_anthropic, read
from tests.gateway.serving import Served

SAID: dict[str, Any] = {"said": "I look.", "thought": "Hmm, both.", "calls": (WEATHER, CLOCK)}


@pytest.fixture
def kind() -> str:
    return "compatible"


@pytest.fixture
def route(route: Route, kind: str) -> Route:
    if kind == "anthropic":
        as_anthropic()
    return route


@pytest.fixture
def claude(front: Served, key: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=front.url, api_key=key, max_retries=0) as made:
        yield made


@KINDS
def test_it_works(claude: anthropic.Anthropic, provider: Provider, kind: str) -> None:
    provider.behaves(speaks(kind, said="Well, this is it."))
    answer = claude.messages.create(**ASKED)
    assert isinstance(answer, Message) and answer.content[0].type == "text"
    assert (answer.content[0].text, answer.stop_reason, answer.role) == ("Well, this is it.", "end_turn", "assistant")
    assert (answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (10, 5)
    assert answer._request_id
    assert kept().get().outcome == "ok"


@KINDS
def test_a_stream_is_put_together(claude: anthropic.Anthropic, provider: Provider, kind: str) -> None:
    provider.behaves(speaks(kind, **SAID))
    with claude.messages.stream(**ASKED, tools=TOOLS) as stream:
        assert "".join(stream.text_stream) == "I look."
        answer = stream.get_final_message()
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use", "tool_use"]
    calls = [(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
    assert calls == [("toolu_1", "weather", WEATHER["input"]), ("toolu_2", "clock", {})]
    used = answer.usage
    told = used.input_tokens + (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
    assert (answer.stop_reason, told, used.output_tokens) == ("tool_use", 20, 5)


@KINDS
def test_a_conversation_goes_on_with_what_a_tool_answered(
    claude: anthropic.Anthropic, provider: Provider, kind: str
) -> None:
    provider.behaves(speaks(kind, **SAID))
    first = claude.messages.create(**ASKED, tools=TOOLS)
    told = [{"type": "tool_result", "tool_use_id": each, "content": "fine"} for each in ("toolu_1", "toolu_2")]
    turns = [*ASKED["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": told}]
    provider.behaves(speaks(kind, said="Fine."))
    assert claude.messages.create(**ASKED | {"messages": turns}).content[0].text == "Fine."
    sent = provider.exchanges[1].body["messages"]
    if kind == "anthropic":
        assert [block["type"] for block in sent[1]["content"]] == ["text", "tool_use", "tool_use"]
    else:
        assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]


@KINDS
def test_every_answer_has_the_types_of_the_sdk(client: httpx.Client, provider: Provider, kind: str) -> None:
    """Strictly: the client itself forgives much."""
    provider.behaves(speaks(kind, **SAID))
    Message.model_validate(client.post("/v1/messages", json=ASKED).json(), strict=True)
    for event in read(client.post("/v1/messages", json=ASKED | {"stream": True}).text):
        if event["type"] != "ping":
            TypeAdapter(RawMessageStreamEvent).validate_python(event, strict=True)


def test_tokens_and_models(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(model="echo-model", messages=ASKED["messages"], tools=TOOLS)
    assert counted.input_tokens > 10
    [model] = list(claude.models.list())
    assert (model.id, model.type, model.created_at.year >= 2024) == ("echo-model", "model", True)
    assert claude.models.retrieve("echo-model").id == "echo-model"


def test_it_raises_its_own_errors(claude: anthropic.Anthropic, provider: Provider) -> None:
    with pytest.raises(anthropic.NotFoundError) as none:
        claude.messages.create(**ASKED | {"model": "none"})
    assert (none.value.type, none.value.error_code) == ("not_found_error", "model_not_found")
    assert none.value.request_id and "There is no model “none” here." in (none.value.api_message or "")
    with pytest.raises(anthropic.BadRequestError, match="web_search"):
        claude.messages.create(**ASKED, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    provider.behaves(answers(429, b"{}"))
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(**ASKED)
    stranger = claude.with_options(api_key="sk-ant-1")
    with pytest.raises(anthropic.AuthenticationError):
        stranger.models.list()


def test_it_raises_what_ends_a_stream_too_early(claude: anthropic.Anthropic, provider: Provider) -> None:
    provider.behaves(streams(chunk("Well"), {"error": {"message": "out of memory"}}))
    with pytest.raises(anthropic.APIStatusError, match="out of memory") as failed:
        list(claude.messages.create(**ASKED, stream=True))
    assert json.loads(json.dumps(failed.value.body))["error"]["details"]["error_code"] == "provider_failed"
