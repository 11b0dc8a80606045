"""What an answer used that failed after its status 200, and counts that cannot be true, by each kind's own names."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from catalog.models import Route
from gateway.asked import Asked
from gateway.forms.chat import CHAT
from gateway.providers import known
from gateway.providers.provider import ToldNo, Unreadable
from gateway.sse import ServerSentEvent
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider
from tests.gateway.providers.messages_api import as_anthropic
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
ERROR = {"type": "error", "error": {"type": "api_error", "message": "Oh"}}
BEGUN = {"type": "message_start", "message": {"usage": {"input_tokens": 150_000, "output_tokens": 1}}}


@pytest.fixture
def route(route: Route) -> Route:
    as_anthropic()
    return route


def chat(**more: Any) -> Asked:
    return CHAT.read(ASKED | more)


@pytest.mark.parametrize("last", [ERROR, b"{not json"])
def test_a_prompt_is_charged_whose_answer_fails_before_its_first_word(
    client: httpx.Client, provider: Provider, last: Any
) -> None:
    provider.behaves(streams(BEGUN, {"type": "ping"}, last))
    client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    call = kept().get()
    assert (call.outcome, call.usage_source, call.input_tokens, call.output_tokens) == (
        "failed",
        "provider",
        150_000,
        1,
    )
    assert Call.objects.get().cost > Decimal(0)


SAID = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well, this is it."}}


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/v1/chat/completions", ERROR), ("/v1/chat/completions", b"{not json"), ("/v1/messages", ERROR),
        ("/v1/messages", {"type": "ping"}),
    ],
)  # fmt: skip
def test_of_an_answer_that_fails_in_the_middle_the_prompt_is_as_told_and_the_rest_counted(
    client: httpx.Client, provider: Provider, path: str, last: Any
) -> None:
    provider.behaves(streams(BEGUN, SAID, last))
    client.post(path, json=ASKED | {"stream": True, "max_tokens": 9})
    call = kept().get()
    assert (call.outcome, call.usage_source, call.input_tokens) == ("failed", "counted", 150_000)
    assert 5 <= call.output_tokens <= 8


def test_a_whole_answer_that_cannot_be_read_is_charged_what_it_tells(client: httpx.Client, provider: Provider) -> None:
    told = {"type": "message", "content": 5, "usage": {"input_tokens": 70, "output_tokens": 3}}
    provider.behaves(answers(200, json.dumps(told).encode()))
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 502
    call = kept().get()
    assert (call.usage_source, call.input_tokens, call.output_tokens) == ("provider", 70, 3)


@pytest.mark.parametrize("last", [b'{"error": {"message": "Oh"}}', b"{not json"])
def test_gemini_tells_with_a_failure_what_it_counted_before(last: bytes) -> None:
    reading = known()["gemini"].reading(chat(stream=True))
    used = {"promptTokenCount": 90, "candidatesTokenCount": 2}
    part = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "usageMetadata": used}
    reading.event(ServerSentEvent(json.dumps(part).encode(), b""))
    with pytest.raises((ToldNo, Unreadable)) as raised:
        reading.event(ServerSentEvent(last, b""))
    assert (raised.value.told["usage"]["prompt_tokens"], raised.value.told["usage"]["completion_tokens"]) == (90, 2)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("gemini", {"usageMetadata": {"promptTokenCount": 9}}),
        ("bedrock", {"usage": {"inputTokens": 9, "outputTokens": 0}}),
    ],
)
def test_an_answer_that_is_none_tells_what_it_used(kind: str, told: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as raised:
        known()[kind].reading(chat()).whole(json.dumps(told).encode())
    assert raised.value.told["usage"]["prompt_tokens"] == 9


BEDROCK = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}


@pytest.mark.parametrize("used", [
    {}, {"inputTokens": 5}, {"inputTokens": -5, "outputTokens": 1}, {"inputTokens": True, "outputTokens": 1},
    {"inputTokens": 9, "outputTokens": 1, "cacheReadInputTokens": -9}, [],
])  # fmt: skip
def test_bedrock_is_not_believed_counts_that_cannot_be_true(used: Any) -> None:
    answer = known()["bedrock"].reading(chat()).whole(json.dumps(BEDROCK | {"usage": used}).encode()).chunk
    assert "usage" not in answer


@pytest.mark.parametrize("used", [
    {}, {"candidatesTokenCount": 5}, {"promptTokenCount": 9, "toolUsePromptTokenCount": -9},
    {"promptTokenCount": 9, "candidatesTokenCount": "5"}, {"promptTokenCount": 9, "thoughtsTokenCount": -1}, [],
])  # fmt: skip
def test_gemini_is_not_believed_counts_that_cannot_be_true(used: Any) -> None:
    answer = known()["gemini"].reading(chat()).whole(json.dumps(GEMINI | {"usageMetadata": used}).encode()).chunk
    assert "usage" not in answer
