"""OpenAI itself: every form of its own goes to it and comes back as it is, and is metered all the same."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import orjson
import pytest

from catalog.models import Route
from gateway.asked import Asked
from gateway.forms.responses import RESPONSES
from gateway.providers.openai import PROVIDER
from gateway.sse import ServerSentEvent
from tests.gateway.behaviours import answers, deployments, drips, second_target
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Body, Provider
from tests.gateway.responding import USAGE, events_of, kinds, message, response, says, streamed

ASKED: Body = {"model": "echo-model", "input": "Say something."}
PATH = "/v1/responses"
FAILED = response("failed", error={"code": "server_error", "message": "out of memory"})


@pytest.fixture
def platform(route: Route, provider: Provider) -> Provider:
    """The provider is OpenAI itself."""
    speaks("openai_platform", credential="sk-ours")
    return provider


def test_a_response_comes_back_as_it_was_written(platform: Provider, client: httpx.Client) -> None:
    written = json.dumps(response("completed", message("Well."), store=True, zzz=[1.5]), indent=1).encode()
    platform.behaves(answers(200, written))
    answer = client.post(PATH, json=ASKED)
    assert (answer.status_code, answer.content) == (200, written)
    made = kept().get()
    assert (made.outcome, made.status, made.usage_source, made.finish_reason) == ("ok", 200, "provider", "stop")
    assert (made.input_tokens, made.output_tokens) == (21, 9)
    assert (made.cached_input_tokens, made.reasoning_tokens) == (6, 3)
    assert made.cost == Decimal("0.000039") == Decimal(answer.headers["x-atrium-cost"])


def test_a_request_goes_as_it_came(platform: Provider, client: httpx.Client) -> None:
    platform.behaves(answers(200, json.dumps(response("completed", message("Well."))).encode()))
    asked: Body = ASKED | {
        "store": True, "truncation": "auto", "metadata": {"a": "b"},
        "tools": [{"type": "custom", "name": "c"}], "tool_choice": {"type": "custom", "name": "c"}, "zzz": {"é": None},
        "input": [{"type": "local_shell_call_output", "id": "x"}], "max_output_tokens": 90, "stream": False,
    }  # fmt: skip
    assert client.post(PATH, json=asked).status_code == 200
    sent = platform.exchanges[0]
    assert (sent.path, sent.body) == ("/v1/responses", asked | {"store": False}), "its account is every tenant's"
    assert sent.headers["authorization"] == "Bearer sk-ours"


def test_a_stream_comes_back_as_it_was_written(platform: Provider, client: httpx.Client) -> None:
    written = says("Well|, this is it.")
    platform.behaves(streamed(written))
    answer = client.post(PATH, json=ASKED | {"stream": True, "stream_options": {"include_obfuscation": False}})
    assert events_of(answer) == written
    assert platform.exchanges[0].body["stream_options"] == {"include_obfuscation": False}
    made = kept().get()
    assert (made.outcome, made.is_streamed, made.input_tokens, made.output_tokens) == ("ok", True, 21, 9)
    assert (made.cached_input_tokens, made.reasoning_tokens, made.usage_source) == (6, 3, "provider")
    assert made.first_token_ms is not None and made.cost == Decimal("0.000039")


def test_the_openai_client_reads_both(platform: Provider, sdk: openai.OpenAI) -> None:
    platform.behaves(streamed(says("Well|.")))
    with sdk.responses.stream(model="echo-model", input="Hi") as stream:
        assert stream.get_final_response().output_text == "Well."
    platform.behaves(answers(200, json.dumps(response("completed", message("Well."))).encode()))
    assert sdk.responses.create(model="echo-model", input="Hi").id == "resp_theirs"


def test_connections_are_kept_after_a_stream_without_done(platform: Provider, client: httpx.Client) -> None:
    platform.behaves(streamed(says("Well|.")))
    for _ in range(3):
        assert events_of(client.post(PATH, json=ASKED | {"stream": True}))[-1]["type"] == "response.completed"
    assert (len(platform.exchanges), platform.accepted) == (3, 1)


def test_what_is_sent_after_the_end_is_not_waited_for(platform: Provider, client: httpx.Client) -> None:
    written = b"".join(b"data: " + json.dumps(told).encode() + b"\n\n" for told in says("Well|."))
    platform.behaves(drips(b": more\n\n", first=written))
    answer = client.post(PATH, json=ASKED | {"stream": True})
    assert '"response.completed"' in answer.text.strip().split("\n\n")[-1]
    assert platform.exchanges[0].was_broken_off.wait(2)
    assert kept().get().outcome == "ok"


@pytest.mark.parametrize("stream", [False, True])
def test_an_incomplete_response_is_an_answer(platform: Provider, client: httpx.Client, stream: bool) -> None:
    cut_off = response("incomplete", message("Well"), incomplete_details={"reason": "max_output_tokens"})
    last = {"type": "response.incomplete", "response": cut_off}
    platform.behaves(streamed(says("Well", last=last)) if stream else answers(200, json.dumps(cut_off).encode()))
    assert client.post(PATH, json=ASKED | {"stream": stream}).status_code == 200
    made = kept().get()
    assert (made.outcome, made.finish_reason, made.output_tokens) == ("ok", "length", 9)


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "code", "said", "tokens"),
    [
        ({"type": "response.failed", "response": FAILED}, "provider_failed", "out of memory", (21, 9)),
        ({"type": "error", "code": "x", "message": "out of memory", "param": None}, "provider_failed", "out of", None),
        ({"type": "error", "error": {"message": "out of memory"}}, "provider_failed", "out of memory", None),
        ({"type": "response.ping"}, "provider_dropped", "ended in the middle", None),
    ],
)
def test_an_error_in_the_middle_is_told_as_the_end_of_the_same_response(
    platform: Provider, client: httpx.Client, last: Body, code: str, said: str, tokens: tuple[int, int] | None
) -> None:
    platform.behaves(streamed(says("Well|, this", last=last)[: None if last["type"] != "response.ping" else -1]))
    events = events_of(client.post(PATH, json=ASKED | {"stream": True}))
    assert kinds(events)[-3:] == ["output_text.delta", "error", "failed"]
    assert events[-2]["code"] == code and said in events[-2]["message"]
    failed = events[-1]["response"]
    assert (failed["id"], failed["status"]) == (events[0]["response"]["id"], "failed")
    made = kept().get()
    assert (made.outcome, made.status, made.error_code) == ("failed", 200, code)
    assert made.usage_source == ("provider" if tokens else "counted") and made.output_tokens > 0
    assert tokens is None or (made.input_tokens, made.output_tokens) == tokens
    assert failed["usage"]["total_tokens"] == made.input_tokens + made.output_tokens


def test_the_openai_client_raises_what_came_in_the_middle(platform: Provider, sdk: openai.OpenAI) -> None:
    platform.behaves(streamed(says("Well", last={"type": "response.failed", "response": FAILED})))
    with pytest.raises(openai.APIError, match="out of memory"):
        list(sdk.responses.create(**ASKED, stream=True))


@pytest.mark.parametrize(
    ("content", "code", "said", "tokens"),
    [
        (FAILED, "provider_failed", "out of memory", 9),
        ({"error": {"message": "overloaded"}}, "provider_failed", "overloaded", 0),
        ({"object": "response", "usage": USAGE}, "provider_malformed", "without output", 9),
    ],
)
def test_a_whole_answer_that_is_none(
    platform: Provider, client: httpx.Client, content: Body, code: str, said: str, tokens: int
) -> None:
    platform.behaves(answers(200, json.dumps(content).encode()))
    answer = client.post(PATH, json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
    assert said in answer.json()["error"]["message"] and kept().get().output_tokens == tokens


def test_a_response_without_usage_is_counted(platform: Provider, client: httpx.Client) -> None:
    events = says("Well|, this is it.")
    events[-1]["response"] = events[-1]["response"] | {"usage": None}
    platform.behaves(streamed(events))
    client.post(PATH, json=ASKED | {"stream": True})
    made = kept().get()
    assert (made.outcome, made.usage_source) == ("ok", "counted") and 5 <= made.output_tokens <= 8


def test_what_only_one_deployment_can_answer_goes_to_that_one(
    route: Route, provider: Provider, client: httpx.Client
) -> None:
    second_target(route, provider, first_url=provider.url)
    speaks("openai_platform", slug="other")
    eventually(lambda: deployments(route) == 2)
    provider.behaves(answers(200, json.dumps(response("completed", message("Well."))).encode()), model="other-name")

    def goes_to(asked: Body) -> str:
        client.post(PATH, json=ASKED | asked)
        return provider.exchanges[-1].path if provider.exchanges else ""  # refused while the kind is not known yet

    eventually(lambda: goes_to({"truncation": "auto"}) == "/v1/responses")
    assert goes_to({}) == "/v1/chat/completions"


# --- its other forms ----------------------------------------------------------------------------------------------


def test_chats_text_completions_and_embeddings_go_as_they_came(platform: Provider, client: httpx.Client) -> None:
    given: dict[str, Body] = {
        "/v1/chat/completions": {"messages": HELLO, "max_completion_tokens": 9, "store": False},
        "/v1/completions": {"prompt": "Say", "best_of": 2, "max_tokens": 9},
        "/v1/embeddings": {"input": ["a", "b"], "dimensions": 8},
    }
    for path, asked in given.items():
        client.post(path, json={"model": "echo-model"} | asked)
        assert (platform.exchanges[-1].path, platform.exchanges[-1].body) == (path, {"model": "echo-model"} | asked)


# --- what its events mean -----------------------------------------------------------------------------------------


def meant(*events: Body) -> list[Any]:
    """What a stream brings, as parts of a chat completion."""
    asked: Asked = RESPONSES.read(ASKED | {"stream": True})
    reading = PROVIDER.reading(asked)
    read = [reading.event(ServerSentEvent(orjson.dumps(event), event["type"].encode())) for event in events]
    return [event.chunk["choices"][0]["delta"] if event.chunk else None for event in read if event]


def test_everything_that_a_model_writes_is_counted() -> None:
    called = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}
    assert meant(
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm"},
        {"type": "response.reasoning_text.delta", "output_index": 0, "delta": "m"},
        {"type": "response.refusal.delta", "output_index": 1, "delta": "No"},
        {"type": "response.output_item.added", "output_index": 2, "item": called},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
        {"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": "ls"},
        {"type": "response.web_search_call.searching", "output_index": 4, "item_id": "ws_1"},
    ) == [
        {"reasoning_content": "Hm"},
        {"reasoning_content": "m"},
        {"refusal": "No"},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "ls"}}]},
        None,
    ]


def test_a_whole_response_means_a_chat_completion() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
        message("Well.") | {"content": [*message("Well.")["content"], {"type": "refusal", "refusal": "No."}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    whole = PROVIDER.reading(RESPONSES.read(ASKED)).whole(orjson.dumps(response("completed", *output)))
    choice = whole.chunk["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"] == {
        "role": "assistant", "content": "Well.", "refusal": "No.", "reasoning_content": "Hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }  # fmt: skip
