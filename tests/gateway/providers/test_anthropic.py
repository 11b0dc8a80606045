"""A chat completion that Anthropic's API answers: what it is asked, what the client gets, what the ledger holds."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

from catalog.models import Model, Route
from gateway.asked import Asked, InvalidRequest
from gateway.costing import BOUNDS
from gateway.forms import FORMS
from gateway.providers import provider_of
from gateway.providers.anthropic import PROVIDER
from gateway.snapshot import Target
from gateway.sse import ServerSentEvent
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider
from tests.gateway.providers.messages_api import CLOCK, WEATHER, as_anthropic, events, message, says, text
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it", "parameters": {"type": "object"}},
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
SUMMARIZED = {"type": "adaptive", "display": "summarized"}
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-7"


@pytest.fixture
def route(route: Route) -> Route:
    as_anthropic()
    return route


def target(upstream_name: str = NEW, **more: Any) -> Target:
    given = {"base_url": "https://api.anthropic.com/v1", "credential": "sk-ant-1"} | more
    return Target(uuid4(), "anthropic", "Anthropic", "anthropic", upstream_name=upstream_name, **given)


def asked(path: str = "/v1/chat/completions", **more: Any) -> Asked:
    return FORMS[path].read(ASKED | more)


def sent(upstream_name: str = NEW, *, longest: int | None = None, **more: Any) -> dict[str, Any]:
    """The body that a chat completion's request becomes."""
    request = PROVIDER.request(target(upstream_name, max_output_tokens=longest), asked(**more))
    return dict(json.loads(request.body))


# --- end to end --------------------------------------------------------------------------------------------------


def test_it_works(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(says(text("Well, "), text("this is it.")))
    answer = sdk.chat.completions.create(**ASKED)
    assert answer.choices[0].message.content == "Well, this is it."
    assert (answer.choices[0].finish_reason, answer.model, answer.object) == (
        "stop",
        "claude-upstream",
        "chat.completion",
    )
    assert answer.usage is not None and answer.usage.prompt_tokens_details is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (20, 5, 25)
    assert answer.usage.prompt_tokens_details.cached_tokens == 10
    exchange = provider.exchanges[0]
    assert exchange.path == "/v1/messages" and exchange.headers["anthropic-version"] == "2023-06-01"
    assert exchange.body == {"model": "echo-model", "max_tokens": 4096, "messages": [
        {"role": "user", "content": [text("Say something.")]}
    ]}  # fmt: skip
    call = kept().get()
    assert (call.outcome, call.usage_source, call.finish_reason) == ("ok", "provider", "stop")
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (20, 10, 5)
    assert call.cost == Decimal("0.00003")


def test_a_stream_has_its_text_its_reason_and_its_usage(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(says({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, text("Well, this is it.")))
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(sdk.chat.completions.create(**ASKED, **more))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "Well, this is it."
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "Hm."
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.prompt_tokens == 20 and chunks[-1].usage.completion_tokens == 5
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    call = kept().get()
    assert (call.outcome, call.is_streamed, call.input_tokens, call.cached_input_tokens) == ("ok", True, 20, 10)
    assert call.first_token_ms is not None and call.cost == Decimal("0.00003")


def test_usage_that_was_not_asked_for_is_not_sent(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(says(text("Hi.")))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert "usage" not in answer.text and answer.text.endswith("data: [DONE]\n\n")
    assert kept().get().usage_source == "provider"


@pytest.mark.parametrize("stream", [False, True])
def test_several_tools_are_called_at_once(sdk: openai.OpenAI, provider: Provider, stream: bool) -> None:
    provider.behaves(says(text("I look."), WEATHER, CLOCK, stop="tool_use"))
    if stream:
        with sdk.chat.completions.stream(**ASKED, tools=[TOOL]) as events:
            answer = events.until_done().get_final_completion()
    else:
        answer = sdk.chat.completions.create(**ASKED, tools=[TOOL])
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "I look.")
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
    assert calls == [("toolu_1", "weather", WEATHER["input"]), ("toolu_2", "clock", {})]
    assert kept().get().finish_reason == "tool_calls"


def test_completions_from_before_chats_are_answered_too(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(says(text("is it.")))
    answer = client.post("/v1/completions", json={"model": "echo-model", "prompt": "This", "max_tokens": 9})
    assert answer.json()["choices"][0]["text"] == "is it."
    assert provider.exchanges[0].body["max_tokens"] == 9


@pytest.mark.parametrize(
    ("stop", "sequence", "told"),
    [
        ("max_tokens", None, ("length", None)),
        ("model_context_window_exceeded", None, ("length", None)),
        ("refusal", None, ("content_filter", None)),
        ("stop_sequence", "END", ("stop", "END")),
        ("brand_new", None, ("stop", None)),
    ],
)
def test_why_an_answer_ended(
    client: httpx.Client, provider: Provider, stop: str, sequence: str | None, told: tuple[str, str | None]
) -> None:
    provider.behaves(says(text("Hi."), stop=stop, sequence=sequence))
    choice = client.post("/v1/chat/completions", json=ASKED).json()["choices"][0]
    assert (choice["finish_reason"], choice.get("stop_reason")) == told


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "status", "code", "said"),
    [
        (answers(529, json.dumps(OVERLOADED).encode()), 503,
         "provider_failed", "“Overloaded”"),
        (answers(400, b'{"type":"error","error":{"message":"max_tokens: too large"}}'), 400,
         "provider_rejected_request", "too large"),
        (answers(404, b'{"type":"error","error":{"message":"model: x"}}'), 502, "provider_misconnected", "404"),
        (answers(200, b'{"type":"error","error":{"message":"Oh"}}'), 502, "provider_failed", "“Oh”"),
        (answers(200, b'{"type":"message"}'), 502, "provider_malformed", "without content"),
        (answers(200, b"[1]"), 502, "provider_malformed", "no answer"),
    ],
)  # fmt: skip
def test_an_error_before_the_first_token_has_a_status_of_its_own(
    client: httpx.Client, provider: Provider, behaviour: Any, status: int, code: str, said: str, stream: bool
) -> None:
    provider.behaves(behaviour)
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code) and said in error["message"]
    assert (kept().get().outcome, Call.objects.get().cost) == ("failed", 0)


BEGUN = list(events(message(text("Well, this"))))[:5]


@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        (OVERLOADED, "provider_failed", "Overloaded"),
        (b"{not json", "provider_malformed", "cannot be read"),
        ({"type": "brand_new"}, "provider_dropped", "ended in the middle"),
    ],
)  # fmt: skip
def test_an_error_in_the_middle_ends_the_stream_and_what_was_used_is_charged(
    client: httpx.Client, provider: Provider, last: Any, code: str, said: str
) -> None:
    provider.behaves(streams(*BEGUN, last))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    error = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]
    assert error["code"] == code and said in error["message"]
    call = kept().get()
    assert (call.outcome, call.status, call.usage_source) == ("failed", 200, "counted")
    assert call.input_tokens > 0 and 2 <= call.output_tokens <= 4, "not the one token that a stream's beginning tells"


@pytest.mark.parametrize(
    "used", [{}, {"input_tokens": -1, "output_tokens": 5}, {"output_tokens": "5"}, {"input_tokens": 3}]
)
def test_usage_that_cannot_be_true_is_not_believed(client: httpx.Client, provider: Provider, used: Any) -> None:
    provider.behaves(says(text("Well, this is it."), used=used))
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    call = kept().get()
    assert (call.outcome, call.usage_source) == ("ok", "counted") and 5 <= call.output_tokens <= 8


def test_what_it_cannot_be_asked_at_all_is_refused_in_words(client: httpx.Client, provider: Provider) -> None:
    for path, more, said in (
        ("chat/completions", ASKED | {"n": 2}, "one answer"),
        ("chat/completions", ASKED | {"logprobs": True}, "log probabilities"),
        ("embeddings", {"model": "echo-model", "input": "x"}, "no embeddings"),
    ):
        answer = client.post(f"/v1/{path}", json=more)
        assert answer.status_code == 400 and said in answer.json()["error"]["message"]
    assert not provider.exchanges


def test_the_longest_answer_of_the_model_is_asked_for(
    front_with: Any, key: str, provider: Provider, route: Route
) -> None:
    Model.objects.update(max_output_tokens=8192)
    provider.behaves(says(text("Hi.")))
    with front_with(key) as client:
        client.post("/v1/chat/completions", json=ASKED)
        client.post("/v1/chat/completions", json=ASKED | {"max_completion_tokens": 7, "max_tokens": 9})
    assert [exchange.body["max_tokens"] for exchange in provider.exchanges] == [8192, 7]


# --- what it is asked --------------------------------------------------------------------------------------------


def test_where_it_is_asked_and_with_what_key() -> None:
    request = PROVIDER.request(target(), asked())
    assert provider_of(target()) is PROVIDER
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers == {"anthropic-version": "2023-06-01", "x-api-key": "sk-ant-1"}
    assert json.loads(request.body)["model"] == NEW
    assert "x-api-key" not in PROVIDER.request(target(credential=""), asked()).headers


def test_its_models_are_listed_with_its_own_headers() -> None:
    listing = PROVIDER.listing(PROVIDER.address, "sk-ant-1")
    assert listing.url == "https://api.anthropic.com/v1/models?limit=1000"
    assert listing.headers == {"anthropic-version": "2023-06-01", "x-api-key": "sk-ant-1"}
    assert listing.names is not None and listing.names({"data": [{"id": "claude-x"}]}) == ["claude-x"]


def test_a_conversation_becomes_turns() -> None:
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is it?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"place": "here"}'}},
            {"id": "b", "type": "function", "function": {"name": "clock", "arguments": ""}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": [text("noon")]},
        {"role": "developer", "content": [text("Be kind.")]},
        {"role": "user", "content": [text("So?"), text("")]},
    ]  # fmt: skip
    body = sent(messages=said)
    assert body["system"] == "Be brief.\n\nBe kind."
    assert body["messages"] == [
        {"role": "user", "content": [text("How is it?")]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "weather", "input": {"place": "here"}},
            {"type": "tool_use", "id": "b", "name": "clock", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "sunny"},
            {"type": "tool_result", "tool_use_id": "b", "content": [text("noon")]},
            text("So?"),
        ]},
    ]  # fmt: skip


def test_ids_of_calls_that_another_provider_gave_are_such_as_it_takes() -> None:
    called = {"id": "functions.x:0", "type": "function", "function": {"name": "x"}}
    told = {"role": "tool", "tool_call_id": "functions.x:0", "content": "y"}
    [_, answer, results] = sent(messages=[*HELLO, {"role": "assistant", "tool_calls": [called]}, told])["messages"]
    assert answer["content"][0]["id"] == results["content"][0]["tool_use_id"] == "functions_x_0"


def test_instructions_alone_are_asked_as_a_question() -> None:
    body = sent(messages=[{"role": "system", "content": "Say hi."}])
    assert body["messages"] == [{"role": "user", "content": "Say hi."}] and "system" not in body


KEPT = {"type": "ephemeral"}


def test_images_and_files() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}, "cache_control": KEPT},
        {"type": "image_url", "image_url": {"url": "https://example.test/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]  # fmt: skip
    [turn] = sent(messages=[{"role": "user", "content": parts}])["messages"]
    assert turn["content"] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
            "cache_control": KEPT,
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            "title": "a.pdf",
        },
    ]


def test_every_bound_that_a_call_was_reserved_by_is_kept_to() -> None:
    assert [sent(**{name: 7})["max_tokens"] for name in BOUNDS] == [7, 7, 7]
    assert sent(longest=64_000)["max_tokens"] == 64_000 and sent()["max_tokens"] == 4096


def test_parameters() -> None:
    body = sent(
        temperature=0.5, top_p=0.9, top_k=4, stop="END", user="u-1", service_tier="default", tools=[TOOL],
        tool_choice="required", parallel_tool_calls=False, seed=3, presence_penalty=1, stream=True, stream_options={},
    )  # fmt: skip
    assert body == {
        "model": NEW, "max_tokens": 4096, "messages": [{"role": "user", "content": [text("Say something.")]}],
        "temperature": 0.5, "top_p": 0.9, "top_k": 4, "stop_sequences": ["END"], "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only", "stream": True,
        "tools": [{"name": "weather", "description": "Tells it", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": {"type": "function", "function": {"name": "weather"}}}, {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_how_a_tool_is_chosen(choice: Any, told: Any) -> None:
    assert sent(tools=[TOOL], **choice).get("tool_choice") == told
    assert "tool_choice" not in sent(**choice), "there is nothing to choose"


def test_the_form_of_the_answer() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body = sent(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert "JSON" in sent(response_format={"type": "json_object"})["system"]
    assert "output_config" not in sent(response_format={"type": "text"})


FORCED = {"tools": [TOOL], "tool_choice": "required"}
ANSWERED = [
    *HELLO,
    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "x"}}]},
    {"role": "tool", "tool_call_id": "a", "content": "y"},
]


@pytest.mark.parametrize(
    ("model", "more", "thinking", "effort"),
    [
        (NEW, {"reasoning_effort": "low"}, SUMMARIZED, "low"),
        ("claude-mythos-preview", {"reasoning_effort": "minimal"}, SUMMARIZED, "low"),
        ("claude-opus-5", {"reasoning_effort": "max"}, SUMMARIZED, "max"),
        ("claude-sonnet-4-6", {"reasoning_effort": "none"}, {"type": "disabled"}, None),
        (NEW, {"reasoning_effort": "high", **FORCED}, None, "high"),
        (NEW, {"reasoning_effort": "high", "messages": ANSWERED}, SUMMARIZED, "high"),
        (NEW, {"reasoning_effort": "low", "thinking": {"type": "disabled"}}, {"type": "disabled"}, None),
        (OLD, {"reasoning_effort": "medium"}, {"type": "enabled", "budget_tokens": 2048}, None),
        ("claude-3-7-sonnet-20250219", {"reasoning_effort": "low", "max_tokens": 40_000},
         {"type": "enabled", "budget_tokens": 10_000}, None),
        ("claude-opus-4-20250514", {"reasoning_effort": "low"}, {"type": "enabled", "budget_tokens": 1024}, None),
        (OLD, {"reasoning_effort": "none"}, None, None),
        (OLD, {"reasoning_effort": "high", "max_tokens": 1024}, None, None),
        (OLD, {"reasoning_effort": "high", **FORCED}, None, None),
        (OLD, {"reasoning_effort": "high", "messages": ANSWERED}, None, None),
    ],
)  # fmt: skip
def test_how_hard_to_think(model: str, more: Any, thinking: Any, effort: str | None) -> None:
    body = sent(model, **more)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == (thinking, effort)


BROKEN = {"name": "x", "arguments": "{"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
         "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": 3}]}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [TOOL | {"id": "a", "function": BROKEN}]}]},
         "messages[0].tool_calls"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools"),
        ({"functions": [{"name": "x"}]}, "functions"),
        ({"tools": [TOOL], "tool_choice": ["auto"]}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"reasoning_effort": "hard"}, "reasoning_effort"),
        ({"reasoning_effort": {}}, "reasoning_effort"),
        ({"output_config": "x"}, "output_config"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_asked_is_refused_by_its_field(more: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        sent(**more)
    assert refused.value.field == field


# --- what it answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "message_start"}, {"type": "message_start", "message": 3},
        {"type": "content_block_start", "index": []},
        {"type": "content_block_delta", "index": {}, "delta": {"partial_json": "x"}}, {"type": ["x"]}, {},
        {"type": "content_block_delta", "delta": 7}, {"type": "message_delta"}, {"type": "message_delta", "usage": 7},
        {"type": "message_stop"},
    ],
    ids=str,
)  # fmt: skip
def test_odd_events_mean_nothing(odd: Any) -> None:
    event = PROVIDER.reading(asked(stream=True)).event(ServerSentEvent(json.dumps(odd).encode()))
    assert event is None or event.chunk["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_a_message_comes_back_as_it_was_said_in_a_chat() -> None:
    """Out of a chat's messages and back into them."""
    reading = PROVIDER.reading(asked())
    told = reading.whole(json.dumps(message(text("I look."), WEATHER, CLOCK, stop="tool_use")).encode()).chunk
    answer = told["choices"][0]["message"]
    [_, turn] = sent(messages=[*HELLO, answer])["messages"]
    assert turn["content"] == [text("I look."), WEATHER, CLOCK]
