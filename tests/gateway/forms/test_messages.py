"""What a client of `/v1/messages` sees, whoever answers it: a chat completion's provider, or Anthropic's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from catalog.models import Model, Route
from tenants.keys import revoke
from tenants.models import ApiKey
from tests.cast import Cast
from tests.gateway.behaviours import answers, second_target, streams
from tests.gateway.conftest import eventually, kept
from tests.gateway.provider import Behaviour, Provider, chunk
from tests.gateway.providers.messages_api import (
    CLOCK,
    WEATHER,
    as_anthropic,
    assembled,
    chats,
    delta,
    events,
    message,
    read,
    says,
    text,
)
from tests.gateway.serving import Served
from usage.models import Call

HELLO = [{"role": "user", "content": "Say something."}]
ASKED: dict[str, Any] = {"model": "echo-model", "max_tokens": 50, "messages": HELLO}
TOOLS = [{"name": "weather", "description": "Tells it", "input_schema": {"type": "object"}}]


def asks(*blocks: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


KINDS = pytest.mark.parametrize("kind", ["compatible", "anthropic"])
STREAMED = pytest.mark.parametrize("stream", [False, True])


@contextmanager
def answered_by(kind: str, front_with: Any, key: str) -> Iterator[httpx.Client]:
    if kind == "anthropic":
        as_anthropic()
    with front_with(key) as client:
        yield client


def ask(client: httpx.Client, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """The message of the answer, put together where it is streamed."""
    answer = client.post("/v1/messages", json=ASKED | {"stream": stream} | more)
    assert answer.status_code == 200, answer.text
    return assembled(read(answer.text)) if stream else answer.json()


def refused(answer: httpx.Response, status: int, kind: str, code: str) -> str:
    """Check Anthropic's form of an error, return its message."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"type", "error", "request_id"} and told["type"] == "error"
    assert told["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    assert (told["error"]["type"], told["error"]["details"]["error_code"]) == (kind, code)
    return str(told["error"]["message"])


def speaks(kind: str, **said: Any) -> Behaviour:
    """The same answer in the provider's own form."""
    if kind == "compatible":
        return chats(**said, finish="tool_calls" if said.get("calls") else "stop")
    thought = [{"type": "thinking", "thinking": said["thought"], "signature": ""}] if said.get("thought") else []
    spoken = [text(said["said"])] if said.get("said") else []
    calls = said.get("calls", ())
    return says(*thought, *spoken, *calls, stop="tool_use" if calls else "end_turn")


# --- an answer ---------------------------------------------------------------------------------------------------


@KINDS
@STREAMED
def test_it_works(front_with: Any, key: str, provider: Provider, team: Cast, kind: str, stream: bool) -> None:
    provider.behaves(speaks(kind, said="Well, this is it."))
    with answered_by(kind, front_with, key) as client:
        answer = ask(client, stream=stream)
        call = kept().get()
    assert (answer["type"], answer["role"], answer["content"]) == ("message", "assistant", [text("Well, this is it.")])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("end_turn", None)
    counts = answer["usage"]
    cached = counts["cache_read_input_tokens"], counts["cache_creation_input_tokens"]
    assert (counts["input_tokens"] + sum(cached), cached[0], counts["output_tokens"]) == (20, 10, 5)
    assert (call.outcome, call.status, call.is_streamed, call.usage_source) == ("ok", 200, stream, "provider")
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (20, 10, 5)
    assert call.cost == Decimal("0.00003") and call.tenant == team.acme
    assert call.finish_reason == "stop"
    assert provider.exchanges[0].path == ("/v1/messages" if kind == "anthropic" else "/v1/chat/completions")


@KINDS
@STREAMED
def test_several_tools_are_called_at_once(
    front_with: Any, key: str, provider: Provider, kind: str, stream: bool
) -> None:
    provider.behaves(speaks(kind, said="I look.", thought="Hmm, both.", calls=(WEATHER, CLOCK)))
    with answered_by(kind, front_with, key) as client:
        answer = ask(client, stream=stream, tools=TOOLS)
        assert kept().get().finish_reason == "tool_calls"
    thought = {"type": "thinking", "thinking": "Hmm, both.", "signature": ""}
    assert answer["content"] == [thought, text("I look."), WEATHER, CLOCK]
    assert answer["stop_reason"] == "tool_use"


@STREAMED
def test_what_tools_answered_goes_to_a_chat_completion(client: httpx.Client, provider: Provider, stream: bool) -> None:
    provider.behaves(chats(said="Sunny, at noon."))
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("sunny"), text("20°")]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "stands still", "is_error": True},
        text("Go on."),
    ]
    turns = [*HELLO, {"role": "assistant", "content": [text("I look."), WEATHER, CLOCK]}]
    ask(client, stream=stream, system="Be brief.", messages=[*turns, {"role": "user", "content": results}], tools=TOOLS)
    sent = provider.exchanges[0].body
    system, asked, called, *told = sent["messages"]
    assert system == {"role": "system", "content": "Be brief."} and asked == HELLO[0]
    assert called["content"] == "I look."
    assert [(call["id"], call["function"]["name"]) for call in called["tool_calls"]] == [
        ("toolu_1", "weather"), ("toolu_2", "clock"),
    ]  # fmt: skip
    assert json.loads(called["tool_calls"][0]["function"]["arguments"]) == WEATHER["input"]
    assert told == [
        {"role": "tool", "tool_call_id": "toolu_1", "content": "sunny\n20°"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "Error: stands still"},
        {"role": "user", "content": "Go on."},
    ]
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tells it", "parameters": {"type": "object"}},
        }
    ]
    assert sent["max_tokens"] == 50


@STREAMED
def test_anthropics_own_answer_passes_through_untouched(
    front_with: Any, key: str, provider: Provider, stream: bool
) -> None:
    """Also what only Anthropic has: a signature, a citation, a tool of its own; and what is new to everybody."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
    own = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    told = [{"type": "brand_new", "brand_new": "?"}] if stream else [own]
    answer = message(thought, *told, text("Found."), stop="pause_turn")
    provider.behaves(says(thought, *told, text("Found."), stop="pause_turn"))
    asked = ASKED | {"stream": stream, "tools": [{"type": "bash_20250124", "name": "bash"}], "zzz": [1.5]}
    betas = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
    }
    with answered_by("anthropic", front_with, key) as client:
        got = client.post("/v1/messages", json=asked, headers=betas)
        call = kept().get()
    sent = provider.exchanges[0]
    assert sent.body == asked
    assert {name: sent.headers[name] for name in betas} == betas
    if stream:
        assert read(got.text) == list(events(answer))
    else:
        assert got.json() == answer
    assert (call.outcome, call.usage_source, call.input_tokens, call.output_tokens) == ("ok", "provider", 20, 5)


def test_thoughts_of_another_model_are_not_sent_to_anthropic(front_with: Any, key: str, provider: Provider) -> None:
    provider.behaves(says(text("Hi.")))
    unsigned = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    signed = unsigned | {"signature": "c2ln"}
    turns = [*HELLO, {"role": "assistant", "content": [unsigned, signed, text("So.")]}, *HELLO]
    with answered_by("anthropic", front_with, key) as client:
        ask(client, messages=turns)
    assert provider.exchanges[0].body["messages"][1]["content"] == [signed, text("So.")]


@STREAMED
def test_when_anthropic_is_overloaded_another_provider_answers(
    front_with: Any, key: str, provider: Provider, route: Route, stream: bool
) -> None:
    with Provider() as overloaded:
        overloaded.behaves(answers(529, b'{"type":"error","error":{"message":"Overloaded"}}'))
        as_anthropic()
        second_target(route, provider, first_url=overloaded.url)
        provider.behaves(chats(said="Well, this is it."), model="other-name")
        with front_with(key) as client:
            assert ask(client, stream=stream)["content"] == [text("Well, this is it.")]
            call = kept().get()
        assert [overloaded.exchanges[0].path, provider.exchanges[0].path] == ["/v1/messages", "/v1/chat/completions"]
    assert (call.provider, call.outcome, call.cost) == ("other", "ok", None)


# --- streams of chat completions ---------------------------------------------------------------------------------


def piece(index: int | None, arguments: str, **more: Any) -> dict[str, Any]:
    numbered = {} if index is None else {"index": index}
    name = {"name": more.pop("name")} if "name" in more else {}
    return numbered | more | {"function": {"arguments": arguments, **name}}


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [
                piece(0, "", id="a", name="one"), piece(1, '{"y"', id="b", name="two"), piece(0, '{"x": 1'),
                piece(1, ": 2}"), piece(0, "}"), piece(1, "\n"),
            ],
            id="mixed up",
        ),
        pytest.param(
            [piece(0, '{"x": 1}', id="a", name="one"), piece(0, '{"y": 2}', id="b", name="two")], id="all numbered 0"
        ),
        pytest.param(
            [piece(None, '{"x": ', id="a", name="one"), piece(None, "1}"), piece(None, '{"y": 2}', id="b", name="two")],
            id="without numbers",
        ),
        pytest.param(
            [
                piece(0, "", id="a"), piece(0, '{"x":', name="one"), piece(0, "1}"),
                piece(1, '{"y": 2}', id="b", name="two"),
            ],
            id="its name late",
        ),
    ],
)  # fmt: skip
def test_calls_of_tools_come_one_after_the_other(client: httpx.Client, provider: Provider, pieces: Any) -> None:
    provider.behaves(streams(*(delta(tool_calls=[each]) for each in pieces), chunk(finish="stop"), b"[DONE]"))
    answer = ask(client, stream=True)
    assert answer["content"] == [
        {"type": "tool_use", "id": "a", "name": "one", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "two", "input": {"y": 2}},
    ]
    assert answer["stop_reason"] == "tool_use", "though the provider said no more than that it ended"


def test_a_call_without_an_id_is_given_one(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(delta(tool_calls=[piece(0, "", name="one")]), chunk(finish="tool_calls"), b"[DONE]"))
    [called] = ask(client, stream=True)["content"]
    assert called["id"].startswith("toolu_") and called["input"] == {}


@pytest.mark.parametrize(
    ("finish", "told", "reason", "sequence"),
    [
        ("length", {}, "max_tokens", None),
        ("content_filter", {}, "refusal", None),
        ("stop", {"stop_reason": "END"}, "stop_sequence", "END"),
        ("stop", {"stop_reason": 128001}, "end_turn", None),
        ("eos", {}, "end_turn", None),
    ],
)
def test_why_an_answer_ended(
    client: httpx.Client, provider: Provider, finish: str, told: Any, reason: str, sequence: str | None
) -> None:
    last = chunk() | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish, **told}]}
    provider.behaves(streams(chunk("Well"), last, b"[DONE]"))
    answer = ask(client, stream=True, stop_sequences=["END"])
    assert (answer["stop_reason"], answer["stop_sequence"]) == (reason, sequence)
    assert provider.exchanges[0].body["stop"] == ["END"]


def test_a_refusal_in_words_is_told_as_one(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(delta(refusal="I'd rather not."), chunk(finish="stop"), b"[DONE]"))
    answer = ask(client, stream=True)
    assert (answer["content"], answer["stop_reason"]) == ([text("I'd rather not.")], "refusal")


def test_an_answer_whose_usage_nobody_told_is_counted(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(chunk("Well, this is it."), chunk(finish="stop"), b"[DONE]"))
    used = ask(client, stream=True)["usage"]
    call = kept().get()
    assert call.usage_source == "counted" and call.output_tokens > 0
    assert (used["input_tokens"], used["output_tokens"]) == (call.input_tokens, call.output_tokens)


def test_odd_chunks_do_no_harm(client: httpx.Client, provider: Provider) -> None:
    odd = [{"choices": value} for value in (None, 7, [], [3], [{"delta": [1]}], [{"delta": {"content": [1]}}])]
    odd += [delta(tool_calls=value) for value in (3, [4], [{"function": 5}], [{"index": "x"}])]
    provider.behaves(streams(*odd, chunk("Hi"), chunk(finish="stop"), b"[DONE]"))
    assert ask(client, stream=True)["content"][-1] == text("Hi")


# --- what is sent to others --------------------------------------------------------------------------------------


def test_every_parameter_has_its_counterpart(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(chats(said="Hi."))
    ask(
        client, temperature=0.5, top_p=0.9, top_k=40, metadata={"user_id": "u-1"}, service_tier="auto",
        thinking={"type": "enabled", "budget_tokens": 40}, tools=TOOLS,
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )  # fmt: skip
    sent = provider.exchanges[0].body
    assert {name: sent[name] for name in ("temperature", "top_p", "top_k", "user", "max_tokens")} == {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "user": "u-1", "max_tokens": 50,
    }  # fmt: skip
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert sent["reasoning_effort"] == "high", "40 of 50 tokens"
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    left = {"model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort"}
    assert set(sent) - left == {"temperature", "top_p", "top_k", "user", "max_tokens", "response_format"}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_how_a_tool_is_chosen(client: httpx.Client, provider: Provider, choice: Any, told: Any) -> None:
    provider.behaves(chats(said="Hi."))
    ask(client, tools=TOOLS, tool_choice=choice)
    assert provider.exchanges[0].body["tool_choice"] == told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "xhigh"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "low"),
    ],
)
def test_how_hard_to_think(client: httpx.Client, provider: Provider, asked: Any, told: str | None) -> None:
    provider.behaves(chats(said="Hi."))
    ask(client, **asked)
    assert provider.exchanges[0].body.get("reasoning_effort") == told


def test_images_documents_and_thoughts(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(chats(said="Hi."))
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Read me."}}
    nested = {"type": "document", "source": {"type": "content", "content": [text("In it."), image]}}
    shown = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("see"), image]}
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "x"},
        WEATHER,
    ]
    ask(
        client,
        system=[text("Be brief."), text("Be kind.")],
        messages=[
            {"role": "user", "content": [image, linked, pdf, plain, nested]},
            {"role": "assistant", "content": thoughts},
            {"role": "user", "content": [shown]},
        ],
    )
    system, asked, thought, told, beside = provider.exchanges[0].body["messages"]
    as_url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    assert system["content"] == "Be brief.\n\nBe kind."
    assert asked["content"] == [
        as_url,
        {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        text("Read me."),
        text("In it."),
        as_url,
    ]
    assert (thought["content"], thought["reasoning_content"]) == (None, "Hm.")
    assert told["content"] == "see" and beside == {"role": "user", "content": [as_url]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "bash_20250124"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "run by the provider"),
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, "“mcp_servers”"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"max_tokens": 0}, "fill a cache"),
        ({"messages": asks({"type": "container_upload", "file_id": "f"})}, "“file_id”"),
        ({"messages": asks({"type": "image", "source": {"type": "file", "file_id": "f"}})}, "“file_id”"),
        ({"messages": asks({"type": "document", "source": {"type": "url", "url": "https://x"}})}, "from “url”"),
        ({"messages": asks({"type": "document", "source": {"type": "text"}, "citations": {"enabled": True}})}, "cites"),
    ],
)
def test_what_only_anthropic_can_do_is_not_asked_of_others(
    client: httpx.Client, provider: Provider, asked: Any, said: str
) -> None:
    answer = client.post("/v1/messages", json=ASKED | asked)
    assert said in refused(answer, 400, "invalid_request_error", "invalid_request")
    assert not provider.exchanges and not Call.objects.exists()


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages.0.content.0.tool_use_id"),
        (
            {"messages": [{"role": "assistant", "content": [WEATHER | {"input": "x"}]}]},
            "messages.0.content.0.input",
        ),
        ({"system": 7}, "system"),
        ({"system": [{"type": "image"}]}, "system.text"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "x"}]}, "tools.0"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"thinking": True}, "thinking"),
        ({"metadata": []}, "metadata"),
        ({"stream": "yes"}, "stream"),
        ({"model": ""}, "model"),
    ],
)
def test_a_request_that_cannot_be_understood_is_refused(
    client: httpx.Client, provider: Provider, asked: Any, field: str
) -> None:
    answer = client.post("/v1/messages", json=ASKED | asked)
    refused(answer, 400, "invalid_request_error", "invalid_request")
    assert answer.json()["error"]["details"]["field"] == field
    assert not provider.exchanges


def test_input_nested_too_deep_is_refused(client: httpx.Client, provider: Provider) -> None:
    deep = json.loads("[" * 300 + "]" * 300)
    turns = [*HELLO, {"role": "assistant", "content": [WEATHER | {"input": {"x": deep}}]}]
    answer = client.post("/v1/messages", json=ASKED | {"messages": turns})
    assert "too deep" in refused(answer, 400, "invalid_request_error", "invalid_request")
    tools = [TOOLS[0] | {"input_schema": {"x": deep}}]
    answer = client.post("/v1/messages/count_tokens", json=ASKED | {"tools": tools})
    assert "too deep" in refused(answer, 400, "invalid_request_error", "invalid_request")
    assert not provider.exchanges


def test_refusals_of_all_kinds_come_in_anthropics_form(client: httpx.Client, front: Served, key: str) -> None:
    post = client.post
    none = httpx.post(f"{front.url}/v1/messages", json=ASKED)
    refused(none, 401, "authentication_error", "missing_api_key")
    refused(post("/v1/messages", json=ASKED | {"model": "x"}), 404, "not_found_error", "model_not_found")
    refused(client.get("/v1/messages"), 405, "invalid_request_error", "method_not_allowed")
    refused(post("/v1/messages/batches", json={}), 404, "not_found_error", "unknown_url")
    refused(post("/v1/messages", content=b"{"), 400, "invalid_request_error", "invalid_request")
    with_header = client.get("/v1/models/none", headers={"anthropic-version": "2023-06-01"})
    refused(with_header, 404, "not_found_error", "model_not_found")
    assert "param" in client.get("/v1/models/none").json()["error"], "others are told in OpenAI's"


def test_who_has_no_access_is_told_where_to_ask(client: httpx.Client, team: Cast) -> None:
    from tests.gateway.conftest import publish

    with Provider() as other:
        publish("other-model", other)
        answer = eventually(
            lambda: (r := client.post("/v1/messages", json=ASKED | {"model": "other-model"})).status_code == 403 and r
        )
    assert "/requests/new/access/other-model/" in refused(answer, 403, "permission_error", "access_required")
    assert answer.headers["x-atrium-way-out"]


@KINDS
@STREAMED
@pytest.mark.parametrize(
    ("status", "seen", "type_", "code"),
    [
        (429, 429, "rate_limit_error", "provider_busy"),
        (529, 503, "overloaded_error", "provider_failed"),
        (500, 502, "api_error", "provider_failed"),
        (400, 400, "invalid_request_error", "provider_rejected_request"),
        (413, 413, "request_too_large", "provider_rejected_request"),
        (401, 502, "api_error", "provider_misconnected"),
    ],
)
def test_what_a_provider_refuses_is_told_by_its_status(
    front_with: Any, key: str, provider: Provider, kind: str, stream: bool,
    status: int, seen: int, type_: str, code: str,
) -> None:  # fmt: skip
    said = {"type": "error", "error": {"type": "some_error", "message": "not now"}}
    provider.behaves(answers(status, json.dumps(said).encode(), extra="retry-after: 7\r\n"))
    with answered_by(kind, front_with, key) as client:
        answer = client.post("/v1/messages", json=ASKED | {"stream": stream})
        told = refused(answer, seen, type_, code)
        assert ("not now" in told) == (status != 401)
        assert kept().get().error_code == code
    assert (answer.headers.get("retry-after") == "7") == (status in (429, 529, 500))


@KINDS
def test_an_error_in_the_middle_of_a_stream_is_its_last_event(
    front_with: Any, key: str, provider: Provider, kind: str
) -> None:
    failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    begun = [
        {"type": "message_start", "message": message() | {"stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": text("")},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well"}},
    ]
    provider.behaves(streams(*(begun if kind == "anthropic" else [chunk("Well")]), failed))
    with answered_by(kind, front_with, key) as client:
        answer = client.post("/v1/messages", json=ASKED | {"stream": True})
        call = kept().get()
    *_, last = [event for event in answer.text.split("\n\n") if event]
    name, data = last.split("\n", 1)
    assert name == "event: error"
    error = json.loads(data.removeprefix("data: "))["error"]
    assert error["type"] == "overloaded_error" and "“Overloaded”" in error["message"]
    assert (call.outcome, call.status, call.usage_source) == ("failed", 200, "counted")
    assert call.output_tokens == 1


# --- keys, models, counting --------------------------------------------------------------------------------------


def test_a_key_may_come_as_anthropics_clients_send_it(front: Served, key: str) -> None:
    with httpx.Client(base_url=front.url, headers={"x-api-key": key}) as client:
        assert client.post("/v1/messages", json=ASKED).status_code == 200
        assert client.get("/v1/models").status_code == 200
        assert client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO}).status_code == 200
        other = client.get("/v1/models", headers={"authorization": "Bearer atrium_dev_x"})
        assert other.status_code == 401, "the usual header goes before it"
        wrong = client.get("/v1/models", headers={"x-api-key": "sk-ant-1"})
        assert wrong.json()["error"]["code"] == "invalid_api_key"


def test_the_list_of_models_has_the_form_of_who_asks(client: httpx.Client) -> None:
    told = client.get("/v1/models", headers={"anthropic-version": "2023-06-01"}).json()
    assert (told["has_more"], told["first_id"], told["last_id"]) == (False, "echo-model", "echo-model")
    [model] = told["data"]
    assert (model["type"], model["id"], model["display_name"]) == ("model", "echo-model", "echo-model")
    assert model["created_at"].endswith("+00:00")
    assert client.get("/v1/models/echo-model", headers={"anthropic-version": "x"}).json() == model
    assert client.get("/v1/models").json()["object"] == "list"


def count(client: httpx.Client, **more: Any) -> int:
    body = {name: value for name, value in ASKED.items() if name != "max_tokens"} | more
    answer = client.post("/v1/messages/count_tokens", json=body)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"input_tokens"}
    return int(answer.json()["input_tokens"])


def test_tokens_are_counted_without_a_call(client: httpx.Client, provider: Provider) -> None:
    plain = count(client)
    assert 5 < plain < 15
    assert count(client, system="You are a friendly bear that likes honey.") > plain + 8
    assert count(client, tools=TOOLS) > plain + 15
    image = {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}
    assert count(client, messages=[{"role": "user", "content": [image]}]) > 1000
    assert not provider.exchanges and not Call.objects.exists()


def test_counting_asks_for_the_same_right_as_calling(client: httpx.Client, front: Served, team: Cast) -> None:
    address = "/v1/messages/count_tokens"
    refused(httpx.post(front.url + address, json=ASKED), 401, "authentication_error", "missing_api_key")
    refused(client.post(address, json=ASKED | {"model": "x"}), 404, "not_found_error", "model_not_found")
    refused(client.post(address, json={"model": "echo-model"}), 400, "invalid_request_error", "invalid_request")
    refused(client.get(address), 405, "invalid_request_error", "method_not_allowed")
    revoke(key=ApiKey.objects.get(), by=team.olivia)
    answer = eventually(lambda: (r := client.post(address, json=ASKED)).status_code == 401 and r)
    refused(answer, 401, "authentication_error", "revoked_api_key")


def test_the_longest_answer_of_a_model_is_told(front_with: Any, key: str, route: Route) -> None:
    Model.objects.update(max_output_tokens=8192)
    with front_with(key) as client:
        told = client.get("/v1/models/echo-model", headers={"anthropic-version": "2023-06-01"}).json()
    assert told["max_tokens"] == 8192
