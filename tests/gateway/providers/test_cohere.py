"""What Cohere is asked, and what it answers, in its own form."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from gateway.asked import Asked, InvalidRequest
from gateway.forms.chat import CHAT
from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers import known
from gateway.providers.provider import ToldNo, Unreadable
from gateway.snapshot import Target
from gateway.sse import ServerSentEvent

COHERE = known()["cohere"]
TARGET: Any = Target(None, "cohere", "Cohere", "cohere", "https://api.cohere.com", "co-x", "command-a")  # type: ignore[arg-type]  # which deployment it is does not matter here
HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
CLOCK = {"type": "function", "function": {"name": "clock"}}
CALL = {"id": "look_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}
USED = {"billed_units": {"input_tokens": 5.0, "output_tokens": 7}, "tokens": {"input_tokens": 60, "output_tokens": 9}}


def chat(**more: Any) -> Asked:
    return CHAT.read({"model": "m", "messages": HELLO} | more)


def embed(**more: Any) -> Asked:
    return EMBEDDINGS.read({"model": "m", "input": ["a", "b"]} | more)


def sent(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(COHERE.request(TARGET, asked).body)
    return told


def heard(reading: Any, *events: dict[str, Any]) -> list[Any]:
    read = [reading.event(ServerSentEvent(json.dumps(each).encode())) for each in events]
    return [None if each is None else each.chunk for each in read]


def delta(kind: str, message: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


def test_a_chat_is_asked_where_and_as_it_takes_one() -> None:
    asked = chat(
        stream=True, stream_options={"include_usage": True}, top_p=0.5, top_k=3, seed=1, max_completion_tokens=9,
        stop="END", user="u", store=False, tools=[TOOL, CLOCK], tool_choice="required", reasoning_effort="low",
        messages=[{"role": "developer", "content": "Be brief."}, *HELLO],
    )  # fmt: skip
    request = COHERE.request(TARGET, asked)
    assert (request.url, request.headers) == ("https://api.cohere.com/v2/chat", {"authorization": "Bearer co-x"})
    anything = {"type": "object", "properties": {}}
    assert sent(asked) == {
        "model": "command-a", "stream": True, "p": 0.5, "k": 3, "seed": 1, "max_tokens": 9, "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "token_budget": 1024}, "tool_choice": "REQUIRED",
        "tools": [TOOL, {"type": "function", "function": {"name": "clock", "parameters": anything}}],
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }  # fmt: skip


def test_what_was_said_before_a_call_is_its_plan_and_the_result_follows() -> None:
    messages = [*HELLO, {"role": "assistant", "content": "I look.", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "look_1", "content": [{"type": "text", "text": "sunny"}]},
                {"role": "assistant", "content": "It is sunny."}]  # fmt: skip
    _, called, result, answer = sent(chat(messages=messages))["messages"]
    assert called == {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALL]}
    assert result == {"role": "tool", "tool_call_id": "look_1", "content": "sunny"}
    assert answer == {"role": "assistant", "content": "It is sunny."}


def test_a_function_that_must_be_called_is_the_only_one_offered() -> None:
    named = {"type": "function", "function": {"name": "look"}}
    told = sent(chat(tools=[TOOL, CLOCK], tool_choice=named))
    assert (told["tools"], told["tool_choice"]) == ([TOOL], "REQUIRED")
    assert sent(chat(tools=[TOOL], tool_choice="none"))["tool_choice"] == "NONE"
    assert "tool_choice" not in sent(chat(tools=[TOOL], tool_choice="auto"))
    with pytest.raises(InvalidRequest):
        sent(chat(tools=[CLOCK], tool_choice=named))


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [("none", {"type": "disabled"}), ("high", {"type": "enabled", "token_budget": 24576}), ("odd", None)],
)
def test_how_hard_it_shall_think(effort: str, thinking: Any) -> None:
    assert sent(chat(reasoning_effort=effort)).get("thinking") == thinking


def test_images_go_as_data_or_by_address() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
             {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}}]  # fmt: skip
    assert sent(chat(messages=[{"role": "user", "content": parts}]))["messages"][0]["content"] == parts
    with pytest.raises(InvalidRequest, match="input_audio"):
        sent(chat(messages=[{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]))


def test_json_is_asked_for_with_its_schema() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert sent(chat(response_format=schema))["response_format"] == {
        "type": "json_object", "json_schema": {"type": "object"},
    }  # fmt: skip
    assert sent(chat(response_format={"type": "json_object"}))["response_format"] == {"type": "json_object"}
    assert "response_format" not in sent(chat(response_format={"type": "text"}))


@pytest.mark.parametrize(("more", "why"), [({"n": 2}, "one answer"), ({"logprobs": True}, "log probabilities")])
def test_what_it_cannot_be_asked(more: dict[str, Any], why: str) -> None:
    assert why in COHERE.cannot(chat(**more)) and not COHERE.cannot(chat())


def test_a_whole_answer_with_what_was_billed() -> None:
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]
    answer = {"id": "a", "message": {"role": "assistant", "content": content, "tool_plan": "Look. "},
              "finish_reason": "MAX_TOKENS", "usage": USED | {"cached_tokens": 2}}  # fmt: skip
    told = COHERE.reading(chat()).whole(json.dumps(answer).encode()).chunk
    message = {"role": "assistant", "content": "Yes.", "reasoning_content": "Look. Hm."}
    assert told["choices"] == [{"index": 0, "message": message, "finish_reason": "length"}]
    assert told["usage"]["prompt_tokens"] == 5 and told["usage"]["completion_tokens"] == 7
    assert told["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    called = {"message": {"tool_calls": [CALL]}, "finish_reason": "TOOL_CALL", "usage": {"tokens": USED["tokens"]}}
    told = COHERE.reading(chat()).whole(json.dumps(called).encode()).chunk
    assert told["choices"][0]["message"]["tool_calls"] == [CALL] and told["choices"][0]["finish_reason"] == "tool_calls"
    assert told["usage"]["prompt_tokens"] == 60  # what it counted, where it does not say what it bills


def test_a_stream_is_told_piece_by_piece() -> None:
    reading = COHERE.reading(chat(stream=True))
    told = heard(
        reading,
        delta("message-start", {"role": "assistant"}),
        delta("content-start", {"content": {"type": "thinking", "thinking": ""}}),
        delta("content-delta", {"content": {"thinking": "Hm."}}),
        delta("content-delta", {"content": {"text": "Yes."}}, 1),
        delta("citation-start", {"citations": {}}),
        delta("content-end", {}),
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USED}},
    )
    deltas = [each and each["choices"][0]["delta"] for each in told]
    assert deltas == [{"role": "assistant", "content": ""}, None, {"reasoning_content": "Hm."}, {"content": "Yes."},
                      None, None, {}]  # fmt: skip
    assert told[-1]["choices"][0]["finish_reason"] == "stop" and told[-1]["usage"]["completion_tokens"] == 7
    assert reading.is_over


def test_calls_of_tools_keep_their_places_in_a_stream() -> None:
    first, second = {"id": "a", "type": "function", "function": {"name": "look", "arguments": ""}}, CALL
    told = heard(
        COHERE.reading(chat(stream=True)),
        delta("tool-plan-delta", {"tool_plan": "I look."}),
        delta("tool-call-start", {"tool_calls": first}, 0),
        delta("tool-call-delta", {"tool_calls": {"function": {"arguments": "{}"}}}, 0),
        delta("tool-call-end", {}, 0),
        delta("tool-call-start", {"tool_calls": second}, 1),
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    )
    deltas = [each["choices"][0]["delta"] for each in told if each]
    assert deltas[0] == {"reasoning_content": "I look."}
    calls = [each["tool_calls"][0] for each in deltas if each.get("tool_calls")]
    assert calls == [{"index": 0, **first}, {"index": 0, "function": {"arguments": "{}"}}, {"index": 1, **second}]
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls" and "usage" not in told[-1]


@pytest.mark.parametrize("end", [{"finish_reason": "ERROR"}, {"finish_reason": "TIMEOUT"}, {"error": "overloaded"}])
def test_an_end_that_is_none_is_an_error_with_what_it_used(end: dict[str, Any]) -> None:
    with pytest.raises(ToldNo) as told:
        heard(COHERE.reading(chat(stream=True)), {"type": "message-end", "delta": end | {"usage": USED}})
    assert told.value.told["usage"]["prompt_tokens"] == 5
    assert told.value.error["message"] in ("overloaded", "it could not finish its answer")
    with pytest.raises(ToldNo):
        heard(COHERE.reading(chat(stream=True)), {"message": "too many tokens"})


def test_embeddings_are_asked_and_told_in_its_form() -> None:
    request = COHERE.request(TARGET, embed(dimensions=8, input_type="search_query"))
    assert request.url == "https://api.cohere.com/v2/embed" and json.loads(request.body) == {
        "model": "command-a", "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"],
        "output_dimension": 8,
    }  # fmt: skip
    assert sent(embed())["input_type"] == "search_document"
    answer = {"id": "e", "embeddings": {"float": [[1, 2.5], [0, 1]]}, "meta": {"billed_units": {"input_tokens": 4}}}
    told = COHERE.reading(embed()).whole(json.dumps(answer).encode()).chunk
    assert [each["embedding"] for each in told["data"]] == [[1.0, 2.5], [0.0, 1.0]]
    assert told["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    packed = COHERE.reading(embed(encoding_format="base64")).whole(json.dumps(answer).encode()).chunk["data"][0]
    assert base64.b64decode(packed["embedding"]) == struct.pack("<2f", 1, 2.5)


@pytest.mark.parametrize("more", [{"input": ["a"] * 97}, {"input_type": "image"}])
def test_what_it_does_not_embed(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        sent(embed(**more))
    assert COHERE.cannot(embed(input=[1, 2]))


@pytest.mark.parametrize("vectors", [None, [["x"]], [5], [None]])
def test_vectors_that_are_none(vectors: Any) -> None:
    with pytest.raises(Unreadable):
        COHERE.reading(embed()).whole(json.dumps({"embeddings": {"float": vectors}}).encode())
