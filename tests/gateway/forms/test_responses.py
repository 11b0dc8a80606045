"""`/v1/responses` before a provider that has only chats: what it is asked, and what clients are told of its answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from catalog.models import Route
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import kept
from tests.gateway.dialects import speaks, speaks_gemini
from tests.gateway.provider import WORDS, Body, Provider, chunk, usage
from tests.gateway.responding import events_of, kinds, response_in
from tests.gateway.test_refusals import refused

ASKED: Body = {"model": "echo-model", "input": "Say something."}
PATH = "/v1/responses"
WEATHER: Body = {
    "type": "function", "name": "weather", "description": "How it is", "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}  # fmt: skip


def completion(message: Body, finish: str = "stop", **choice: Any) -> bytes:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}]
    return json.dumps({"id": "c-1", "model": "upstream-name", "choices": choices, "usage": usage()}).encode()


def delta(**told: Any) -> Body:
    return chunk() | {"choices": [{"index": 0, "delta": told, "finish_reason": None}]}


def call(index: int, arguments: str = "", *, id: str = "", name: str = "") -> Body:
    named = ({"id": id, "type": "function"} if id else {}) | {"index": index}
    function = ({"name": name} if name else {}) | {"arguments": arguments}
    return delta(tool_calls=[named | {"function": function}])


# --- an answer ---------------------------------------------------------------------------------------------------


def test_the_openai_client_gets_a_response(sdk: openai.OpenAI, provider: Provider) -> None:
    answer = sdk.responses.create(model="echo-model", input="Say something.")
    assert answer.output_text == "Well, this is it." and answer.status == "completed"
    assert answer.usage is not None and answer.usage.model_dump(exclude_none=True) == {
        "input_tokens": 11, "output_tokens": 5, "total_tokens": 16,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    asked = provider.exchanges[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {"model": "echo-model", "messages": [{"role": "user", "content": "Say something."}]}
    made = kept().get()
    assert (made.outcome, made.status, made.is_streamed, made.usage_source) == ("ok", 200, False, "provider")
    assert (made.input_tokens, made.output_tokens, made.cached_input_tokens) == (11, 5, 4)
    assert (made.cost, made.finish_reason) == (Decimal("0.000021"), "stop")


def test_the_openai_client_gets_a_stream(sdk: openai.OpenAI, provider: Provider) -> None:
    events = list(sdk.responses.create(model="echo-model", input="Say something.", stream=True))
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == WORDS
    last = events[-1]
    assert last.type == "response.completed" and last.response.usage is not None
    assert (last.response.usage.input_tokens, last.response.usage.output_tokens) == (11, 5)
    assert provider.exchanges[0].body["stream_options"] == {"include_usage": True}
    made = kept().get()
    assert (made.outcome, made.is_streamed, made.input_tokens, made.output_tokens) == ("ok", True, 11, 5)
    assert made.first_token_ms is not None and made.cost == Decimal("0.000021")


def test_the_openai_clients_own_stream_comes_to_its_end(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="echo-model", input="Say something.") as stream:
        texts = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert texts[-1] == final.output_text == "Well, this is it."


def test_a_stream_tells_every_step(client: httpx.Client) -> None:
    events = events_of(client.post(PATH, json=ASKED | {"stream": True}))
    assert kinds(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert events[2]["item"] | {"id": ""} == {
        "id": "", "type": "message", "status": "in_progress", "role": "assistant", "content": [],
    }  # fmt: skip
    part = {"type": "output_text", "text": "Well, this is it.", "annotations": [], "logprobs": []}
    item = {"id": events[2]["item"]["id"], "type": "message", "status": "completed", "role": "assistant"}
    assert last["output"] == [item | {"content": [part]}] == [events[-2]["item"]]
    assert {event["item_id"] for event in events if "item_id" in event} == {item["id"]}
    assert last["id"] == first["id"] and last["id"].startswith("resp_")
    assert (last["status"], last["error"], last["incomplete_details"]) == ("completed", None, None)


def test_a_response_repeats_what_was_asked_and_says_that_it_is_not_stored(client: httpx.Client) -> None:
    asked: Body = {
        "instructions": "Be brief.", "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 90, "metadata": {"a": "b"},
        "tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False, "user": "u-1",
        "truncation": "disabled",
    }  # fmt: skip
    told = response_in(client.post(PATH, json=ASKED | asked | {"store": True, "reasoning": {"effort": "low"}}).json())
    assert {name: told[name] for name in asked} == asked
    assert told["store"] is False and told["previous_response_id"] is None
    assert told["reasoning"] == {"effort": "low", "summary": None} and told["text"] == {"format": {"type": "text"}}
    assert told["model"] == "upstream-name" and told["object"] == "response"


def test_a_response_whose_provider_tells_no_usage_has_what_was_counted(
    client: httpx.Client, provider: Provider
) -> None:
    provider.behaves(streams(chunk("Well, this is it."), chunk(finish="stop"), b"[DONE]"))
    told = events_of(client.post(PATH, json=ASKED | {"stream": True}))[-1]["response"]["usage"]
    made = kept().get()
    assert made.usage_source == "counted" and made.output_tokens > 0
    assert (told["input_tokens"], told["output_tokens"]) == (made.input_tokens, made.output_tokens)


def test_a_stream_of_nothing_is_a_response_all_the_same(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(chunk(finish="stop"), b"[DONE]"))
    events = events_of(client.post(PATH, json=ASKED | {"stream": True}))
    assert kinds(events) == ["created", "in_progress", "completed"] and events[-1]["response"]["output"] == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("reason", "said"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_off_is_incomplete(
    client: httpx.Client, provider: Provider, reason: str, said: str, stream: bool
) -> None:
    cut_off = streams(chunk("Well"), chunk(finish=reason), chunk() | {"choices": [], "usage": usage()}, b"[DONE]")
    provider.behaves(cut_off if stream else answers(200, completion({"content": "Well"}, reason)))
    answer = client.post(PATH, json=ASKED | {"stream": stream})
    told = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": said})
    assert told["output"][0]["status"] == "incomplete" and told["completed_at"] is None
    assert told["usage"]["output_tokens"] == 5 and kept().get().finish_reason == reason


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_of_the_model_is_a_part_of_the_message(
    client: httpx.Client, provider: Provider, stream: bool
) -> None:
    spoken = streams(delta(content="Hm. "), delta(refusal="I will"), delta(refusal=" not."), chunk(finish="stop"))
    provider.behaves(spoken if stream else answers(200, completion({"content": "Hm. ", "refusal": "I will not."})))
    answer = client.post(PATH, json=ASKED | {"stream": stream})
    told = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
    assert [part["type"] for part in told["output"][0]["content"]] == ["output_text", "refusal"]
    assert told["output"][0]["content"][1]["refusal"] == "I will not."
    if stream:
        assert "refusal.delta" in kinds(events_of(answer)) and "refusal.done" in kinds(events_of(answer))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_an_item_of_its_own(client: httpx.Client, provider: Provider, stream: bool, name: str) -> None:
    thinking = streams(delta(**{name: "Let me"}), delta(**{name: " see."}), chunk("Yes."), chunk(finish="stop"))
    provider.behaves(thinking if stream else answers(200, completion({"content": "Yes.", name: "Let me see."})))
    answer = client.post(PATH, json=ASKED | {"stream": stream, "reasoning": {"effort": "high"}})
    told = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
    reasoning, message = told["output"]
    assert reasoning["type"] == "reasoning" and reasoning["summary"] == []
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Let me see."}]
    assert message["content"][0]["text"] == "Yes." and provider.exchanges[0].body["reasoning_effort"] == "high"
    if stream:
        events = events_of(answer)
        assert kinds(events)[2:8] == [
            "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done",
            "content_part.done", "output_item.done",
        ]  # fmt: skip
        assert [event["output_index"] for event in events if event["type"].endswith("output_item.added")] == [0, 1]


def test_log_probabilities_are_told_where_they_are_asked_for(client: httpx.Client, provider: Provider) -> None:
    token = {
        "token": "é",
        "logprob": -0.5,
        "bytes": None,
        "top_logprobs": [{"token": "e", "logprob": -1, "bytes": [101]}],
    }
    piece = chunk("é")
    piece["choices"][0]["logprobs"] = {"content": [token]}
    provider.behaves(streams(piece, chunk(finish="stop"), b"[DONE]"))
    asked = ASKED | {"stream": True, "top_logprobs": 1, "include": ["message.output_text.logprobs"]}
    events = events_of(client.post(PATH, json=asked))
    sent = provider.exchanges[0].body
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 1)
    plain = {"token": "é", "logprob": -0.5, "top_logprobs": [{"token": "e", "logprob": -1}]}
    assert [event["logprobs"] for event in events if event["type"].startswith("response.output_text")] == [[plain]] * 2
    told = events[-1]["response"]["output"][0]["content"][0]["logprobs"][0]
    assert told["bytes"] == [0xC3, 0xA9] and told["top_logprobs"][0]["bytes"] == [101]


# --- tools -------------------------------------------------------------------------------------------------------


def test_a_tool_is_asked_for_and_its_result_sent_back(sdk: openai.OpenAI, provider: Provider) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    provider.behaves(answers(200, completion({"content": None, "tool_calls": [called]}, "tool_calls")))
    asked: list[Any] = [{"role": "user", "content": "How is it in Rome?"}]
    answer = sdk.responses.create(model="echo-model", input=asked, tools=[WEATHER])  # type: ignore[list-item]
    item = answer.output[0]
    assert item.type == "function_call" and (item.name, item.call_id) == ("weather", "call_1")
    assert answer.status == "completed" and json.loads(item.arguments) == {"city": "Rome"}
    function = {name: WEATHER[name] for name in ("name", "description", "parameters", "strict")}
    assert provider.exchanges[0].body["tools"] == [{"type": "function", "function": function}]
    provider.behaviours.clear()
    result = {"type": "function_call_output", "call_id": "call_1", "output": "Sunny"}
    told = sdk.responses.create(model="echo-model", input=[*asked, *answer.output, result], tools=[WEATHER])  # type: ignore[list-item]
    assert told.output_text == "Well, this is it."
    assert provider.exchanges[1].body["messages"] == [
        {"role": "user", "content": "How is it in Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ]


def test_tools_called_side_by_side_are_items_of_their_own(client: httpx.Client, provider: Provider) -> None:
    pieces = [
        delta(content="Both."),
        call(0, id="call_1", name="weather"), call(0, '{"city":'), call(1, id="call_2", name="weather"),
        call(1, '{"city": "Oslo"}'), call(0, ' "Rome"}'), chunk(finish="tool_calls"),
    ]  # fmt: skip
    provider.behaves(streams(*pieces, chunk() | {"choices": [], "usage": usage()}, b"[DONE]"))
    events = events_of(client.post(PATH, json=ASKED | {"stream": True, "tools": [WEATHER]}))
    said, *calls = events[-1]["response"]["output"]
    assert said["content"][0]["text"] == "Both." and said["status"] == "completed"
    assert [(item["call_id"], item["arguments"], item["status"]) for item in calls] == [
        ("call_1", '{"city": "Rome"}', "completed"), ("call_2", '{"city": "Oslo"}', "completed"),
    ]  # fmt: skip
    grown: dict[int, str] = {}
    for event in events:
        if event["type"] == "response.function_call_arguments.delta":
            grown[event["output_index"]] = grown.get(event["output_index"], "") + event["delta"]
    assert grown == {1: '{"city": "Rome"}', 2: '{"city": "Oslo"}'}
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [item.get("arguments") for item in added] == [None, "", ""], "told as it was when it began"
    assert kept().get().finish_reason == "tool_calls"


def test_the_openai_clients_own_stream_reads_tools_called_side_by_side(sdk: openai.OpenAI, provider: Provider) -> None:
    both = [{"index": n, "id": f"call_{n}", "function": {"name": "weather", "arguments": "{}"}} for n in (0, 1)]
    provider.behaves(streams(delta(content="Both.", tool_calls=both), chunk(finish="tool_calls"), b"[DONE]"))
    with sdk.responses.stream(model="echo-model", input="How is it?", tools=[WEATHER]) as stream:  # type: ignore[list-item]
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["message", "function_call", "function_call"]


def test_calls_that_a_provider_does_not_number_are_kept_apart(client: httpx.Client, provider: Provider) -> None:
    pieces = [call(0, '{"city": "Rome"}', id="a", name="weather"), call(0, '{"city": "Oslo"}', id="b", name="weather")]
    provider.behaves(streams(*pieces, chunk(finish="tool_calls"), b"[DONE]"))
    output = events_of(client.post(PATH, json=ASKED | {"stream": True}))[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [
        ("a", '{"city": "Rome"}'), ("b", '{"city": "Oslo"}'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "sent", "tools"),
    [
        ("auto", "auto", 2),
        ("required", "required", 2),
        ({"type": "function", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}, 2),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]}, "required", 1),
    ],
)
def test_how_to_choose_a_tool(client: httpx.Client, provider: Provider, choice: Any, sent: Any, tools: int) -> None:
    offered = [WEATHER, {"type": "function", "name": "time", "parameters": None}]
    client.post(PATH, json=ASKED | {"tools": offered, "tool_choice": choice, "parallel_tool_calls": False})
    body = provider.exchanges[0].body
    assert (body["tool_choice"], len(body["tools"]), body["parallel_tool_calls"]) == (sent, tools, False)
    assert body["tools"][-1] == {"type": "function", "function": {"name": "time"}}


def test_without_tools_nothing_is_said_of_choosing(client: httpx.Client, provider: Provider) -> None:
    client.post(PATH, json=ASKED | {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True})
    assert set(provider.exchanges[0].body) == {"model", "messages"}


# --- what is asked --------------------------------------------------------------------------------------------------


class Answer(BaseModel):
    word: str


def test_an_answer_in_a_schema_is_parsed_by_the_client(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(answers(200, completion({"content": '{"word": "yes"}'})))
    parsed = sdk.responses.parse(model="echo-model", input="Yes?", text_format=Answer)
    assert parsed.output_parsed == Answer(word="yes")
    wanted = provider.exchanges[0].body["response_format"]
    assert wanted["type"] == "json_schema" and wanted["json_schema"]["strict"] is True
    assert wanted["json_schema"]["name"] == "Answer" and "word" in wanted["json_schema"]["schema"]["properties"]
    provider.behaves(streams(chunk('{"word":'), chunk(' "no"}'), chunk(finish="stop"), b"[DONE]"))
    with sdk.responses.stream(model="echo-model", input="Yes?", text_format=Answer) as stream:
        assert stream.get_final_response().output_parsed == Answer(word="no")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"instructions": "Be brief."}, {"messages": [{"role": "system", "content": "Be brief."}, "…"]}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {"verbosity": "low"}),
        ({"max_output_tokens": 90}, {"max_tokens": 90}),
        ({"max_output_tokens": 90, "n_predict": 900}, {"max_tokens": 90}),
        ({"temperature": 0.5, "top_p": 0.9, "user": "u-1"}, {"temperature": 0.5, "top_p": 0.9, "user": "u-1"}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"metadata": {"a": "b"}, "store": True, "truncation": "disabled", "conversation": None}, {}),
        ({"seed": 7, "top_k": 3, "zzz": {"é": [1.5]}}, {"seed": 7, "top_k": 3, "zzz": {"é": [1.5]}}),
    ],
)
def test_parameters_are_told_as_a_chat_has_them(
    client: httpx.Client, provider: Provider, asked: Body, sent: Body
) -> None:
    assert client.post(PATH, json=ASKED | asked).status_code == 200
    hello: Body = {"role": "user", "content": "Say something."}
    told = [hello if each == "…" else each for each in sent.get("messages", ["…"])]
    assert provider.exchanges[0].body == {"model": "echo-model"} | sent | {"messages": told}


IMAGE = "data:image/png;base64,aaaa"


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([{"role": "developer", "content": "Be brief."}], [{"role": "system", "content": "Be brief."}]),
        ([{"role": "user", "content": [{"type": "input_text", "text": "a"}]}], [{"role": "user", "content": "a"}]),
        (
            [{"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:x"},
                {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}},
            ]}],
            [{"role": "user", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x"}},
                {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}},
            ]}],
        ),
        (
            [
                {"type": "reasoning", "id": "rs_1", "summary": [], "content": [
                    {"type": "reasoning_text", "text": "Hm"},
                ]},
                {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [
                    {"type": "output_text", "text": "One moment.", "annotations": []},
                ]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "1"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
                {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
                {"role": "assistant", "content": "Well."},
            ],
            [
                {"role": "assistant", "content": "One moment.", "reasoning_content": "Hm", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
                {"role": "tool", "tool_call_id": "c2", "content": "2"},
                {"role": "assistant", "content": "No."},
                {"role": "assistant", "content": "Well."},
            ],
        ),
        (
            [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "In short"}]}],
            [{"role": "assistant", "content": "", "reasoning_content": "In short"}],
        ),
    ],
)  # fmt: skip
def test_items_are_told_as_messages(
    client: httpx.Client, provider: Provider, items: list[Body], messages: list[Body]
) -> None:
    assert client.post(PATH, json={"model": "echo-model", "input": items}).status_code == 200
    assert provider.exchanges[0].body["messages"] == messages


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"conversation": "conv_1"}, "“conversation”"),
        ({"prompt": {"id": "pmpt_1"}, "input": None}, "“prompt”"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "“item_reference”"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]}, "“file_id”"),
        ({"tools": [{"type": "web_search"}]}, "“web_search” is run by the provider"),
        ({"tools": [{"type": "mcp", "server_url": "https://x"}]}, "“mcp” is run by the provider"),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "openai_platform"])
def test_what_lies_or_runs_in_an_account_that_all_tenants_share_is_refused(
    route: Route, provider: Provider, front_with: Any, key: str, dialect: str, asked: Body, said: str
) -> None:
    speaks(dialect)
    with front_with(key) as client:
        answer = client.post(PATH, json=ASKED | asked)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (400, "invalid_request") and said in told["message"] and told["param"]
    assert not provider.exchanges


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"truncation": "auto"}, "“truncation”"),
        ({"n": 2}, "“n”"),
        ({"tools": [{"type": "custom", "name": "c"}]}, "no “custom” as a tool"),
        ({"tools": [WEATHER], "tool_choice": {"type": "custom"}}, "“custom”"),
        ({"text": {"format": {"type": "grammar"}}}, "“grammar”"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x"}]}]}, "“file_url”"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": [
                {"type": "input_image", "image_url": IMAGE}]}]},
            "nothing but text",
        ),
        ({"input": [{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"}]}, "encrypted"),
    ],
)  # fmt: skip
def test_what_a_chat_cannot_say_is_refused_rather_than_left_out(
    client: httpx.Client, provider: Provider, asked: Body, said: str
) -> None:
    message = refused(client.post(PATH, json=ASKED | asked), 400, "invalid_request")
    assert "What serves “echo-model” cannot answer this as it is asked" in message and said in message
    assert not provider.exchanges


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"input": [7]}, "input[0]"),
        ({"input": [{"content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"instructions": 7}, "instructions"),
        ({"tools": {}}, "tools"),
        ({"tools": [WEATHER], "tool_choice": "weather"}, "tool_choice"),
        ({"text": "json"}, "text"),
        ({"text": {"format": "json"}}, "format"),
        ({"reasoning": "high"}, "reasoning"),
        ({"metadata": []}, "metadata"),
        ({"max_output_tokens": "90"}, "max_output_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"background": True}, "background"),
    ],
)
def test_what_cannot_be_understood_is_named(client: httpx.Client, provider: Provider, asked: Body, param: str) -> None:
    refused(client.post(PATH, json=ASKED | asked), 400, "invalid_request", param=param)
    assert not provider.exchanges


@pytest.mark.parametrize("name", ["metadata", "reasoning", "text", "tool_choice"])
@pytest.mark.parametrize("depth", [248, 251, 260])
def test_what_a_response_could_not_repeat_is_refused(
    client: httpx.Client, provider: Provider, name: str, depth: int
) -> None:
    deep = '{"type": "function", "name": "f", "x": ' + "[" * depth + "]" * depth + "}"
    answer = client.post(PATH, content=json.dumps(ASKED)[:-1] + f', "{name}": {deep}}}')
    assert answer.status_code == (200 if depth == 248 else 400), answer.text
    assert len(provider.exchanges) == (depth == 248)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_answer_has_a_status_of_its_own(
    client: httpx.Client, sdk: openai.OpenAI, provider: Provider, stream: bool
) -> None:
    provider.behaves(answers(429, b'{"error": {"message": "slow down"}}', extra="retry-after: 7\r\n"))
    answer = client.post(PATH, json=ASKED | {"stream": stream})
    assert "slow down" in refused(answer, 429, "provider_busy") and answer.headers["retry-after"] == "7"
    with pytest.raises(openai.RateLimitError):  # by the gateway: the provider is not asked before those 7 s are over
        sdk.responses.create(**ASKED, stream=stream)
    call = kept().get()
    assert (call.outcome, call.status) == ("failed", 429) and len(provider.exchanges) == 1


def test_an_error_in_the_middle_ends_the_stream_and_what_was_used_is_told(
    client: httpx.Client, sdk: openai.OpenAI, provider: Provider
) -> None:
    provider.behaves(streams(chunk("Well"), chunk(", this"), {"error": {"message": "out of memory"}}))
    events = events_of(client.post(PATH, json=ASKED | {"stream": True}))
    assert kinds(events)[-2:] == ["error", "failed"]
    assert events[-2]["code"] == "provider_failed" and "out of memory" in events[-2]["message"]
    last = events[-1]["response"]
    assert (last["status"], last["error"]["code"], last["id"]) == (
        "failed",
        "server_error",
        events[0]["response"]["id"],
    )
    assert last["output"][0]["content"][0]["text"] == "Well, this" and last["output"][0]["status"] == "incomplete"
    made = kept().get()
    assert (made.outcome, made.status, made.error_code) == ("failed", 200, "provider_failed")
    assert last["usage"]["output_tokens"] == made.output_tokens > 0
    with pytest.raises(openai.APIError, match="out of memory"):
        list(sdk.responses.create(**ASKED, stream=True))


# --- before providers of other forms --------------------------------------------------------------------------------


@pytest.fixture
def gemini(route: Route, provider: Provider) -> Provider:
    called = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"}
    speaks_gemini(provider, {"text": "One moment."}, called)
    return provider


def test_a_provider_of_a_form_of_its_own_gets_back_what_it_wants_back(gemini: Provider, sdk: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "How is it in Rome?"}]
    answer = sdk.responses.create(model="echo-model", input=asked, tools=[WEATHER])  # type: ignore[list-item]
    said, called = answer.output
    assert (said.type, called.type) == ("message", "function_call") and called.type == "function_call"
    assert answer.usage is not None and (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)
    result = {"type": "function_call_output", "call_id": called.call_id, "output": "Sunny"}
    sdk.responses.create(model="echo-model", input=[*asked, *answer.output, result], tools=[WEATHER])  # type: ignore[list-item]
    assert gemini.exchanges[1].body["contents"][1]["parts"][-1]["thoughtSignature"] == "c2ln"
    assert set(kept(2).values_list("outcome", "input_tokens")) == {("ok", 7)}
