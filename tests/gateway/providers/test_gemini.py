"""What Gemini is asked, and what it answers, in its own form."""

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

GEMINI = known()["gemini"]
HELLO = [{"role": "user", "content": "Hello"}]
TARGET: Any = Target(
    None, "google", "Google", "gemini", "https://generativelanguage.googleapis.com/v1beta", "AIza-x", "gemini-flash"
)  # type: ignore[arg-type]  # which deployment it is does not matter here
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def chat(**more: Any) -> Asked:
    return CHAT.read({"model": "flash", "messages": HELLO} | more)


def sent(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(GEMINI.request(TARGET, asked).body)
    return told


def candidate(*parts: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    said = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {"candidates": [said | ({"finishReason": reason} if reason else {})], **more}


def heard(reading: Any, *events: dict[str, Any]) -> list[dict[str, Any]]:
    return [reading.event(ServerSentEvent(json.dumps(each).encode())).chunk for each in events]


def test_where_it_is_asked_and_with_what() -> None:
    whole, stream = GEMINI.request(TARGET, chat()), GEMINI.request(TARGET, chat(stream=True))
    assert whole.url == f"{TARGET.base_url}/models/gemini-flash:generateContent"
    assert stream.url == f"{TARGET.base_url}/models/gemini-flash:streamGenerateContent?alt=sse"
    assert whole.headers == {"x-goog-api-key": "AIza-x"}
    embeddings = GEMINI.request(TARGET, EMBEDDINGS.read({"model": "e", "input": "x"}))
    assert embeddings.url.endswith("/models/gemini-flash:batchEmbedContents")
    listing = GEMINI.listing(TARGET.base_url, "AIza-x")
    assert listing is not None and listing.names is not None
    assert list(listing.names({"models": [{"name": "models/gemini-flash"}]})) == ["gemini-flash"]


def test_a_conversation_becomes_turns_with_the_system_beside_them() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                     {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        {"role": "assistant", "content": "A cat."},
    ]  # fmt: skip
    assert sent(chat(messages=messages)) == {
        "systemInstruction": {"parts": [{"text": "Be brief.\n\nBe kind."}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Hello"}, {"text": "What is this?"},
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            ]},
            {"role": "model", "parts": [{"text": "A cat."}]},
        ],
    }  # fmt: skip


def test_settings_are_said_in_its_words() -> None:
    body = sent(
        chat(
            temperature=0.2, top_p=0.9, n=2, seed=7, max_completion_tokens=50, stop="END", reasoning_effort="low",
            response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}},
        )
    )  # fmt: skip
    assert body["generationConfig"] == {
        "temperature": 0.2, "topP": 0.9, "candidateCount": 2, "seed": 7, "maxOutputTokens": 50,
        "stopSequences": ["END"], "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True},
        "responseMimeType": "application/json", "responseJsonSchema": WEATHER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ({"type": "function", "function": {"name": "look"}}, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_tools_are_declared_called_and_answered(choice: Any, told: dict[str, Any]) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Rome"}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}}}  # fmt: skip
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"sky": "clear"}'},
    ]
    tool = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": WEATHER}}
    body = sent(chat(messages=messages, tools=[tool], tool_choice=choice))
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "look", "description": "Looks.", "parametersJsonSchema": WEATHER}]}
    ]
    assert body["toolConfig"] == {"functionCallingConfig": told}
    assert body["contents"][1:] == [
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"city": "Rome"}},
                                     "thoughtSignature": "c2ln"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"sky": "clear"}}}]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "[1]"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": [{"type": "hologram"}]},
    ],
    ids=["no json", "no object", "no image", "unknown part"],
)
def test_what_cannot_be_said_is_refused_with_its_place(message: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        GEMINI.request(TARGET, chat(messages=[*HELLO, message]))
    assert refused.value.field == "messages[1]"


def test_a_stream_is_read_with_thoughts_parallel_calls_and_its_usage_at_the_end() -> None:
    reading = GEMINI.reading(chat(stream=True))
    used = {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "cachedContentTokenCount": 6}
    chunks = heard(
        reading,
        candidate({"text": "Let me see", "thought": True}, usageMetadata={"promptTokenCount": 10}),
        candidate({"text": "Here: "}),
        candidate({"functionCall": {"name": "look", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"}),
        candidate({"functionCall": {"name": "look", "args": {"city": "Oslo"}}}, reason="STOP", usageMetadata=used),
    )
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "reasoning_content": "Let me see"}
    assert deltas[1]["content"] == "Here: "
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == [
        (0, '{"city":"Rome"}'), (1, '{"city":"Oslo"}'),
    ]  # fmt: skip
    assert calls[0]["extra_content"] == {"google": {"thought_signature": "c2ln"}} and calls[0]["id"] != calls[1]["id"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "tool_calls"]
    assert ["usage" in chunk for chunk in chunks] == [False, False, False, True]
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 6}, "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    assert len({chunk["id"] for chunk in chunks}) == 1


@pytest.mark.parametrize(
    ("reason", "told"), [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("OTHER", "stop")]
)
def test_why_it_ended_is_told_in_the_neutral_words(reason: str, told: str) -> None:
    answer = GEMINI.reading(chat()).whole(json.dumps(candidate({"text": "Hi"}, reason=reason)).encode()).chunk
    assert answer["choices"] == [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": told}]


def test_a_prompt_that_it_blocks_is_an_answer_without_text() -> None:
    told = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}
    answer = GEMINI.reading(chat()).whole(json.dumps(told).encode()).chunk
    assert answer["choices"][0]["finish_reason"] == "content_filter" and answer["usage"]["prompt_tokens"] == 5


def test_errors_and_nonsense_are_no_answers() -> None:
    reading = GEMINI.reading(chat(stream=True))
    with pytest.raises(ToldNo):
        heard(reading, {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})
    for body in (b"<html>", b"7", b"{}"):
        with pytest.raises(Unreadable):
            GEMINI.reading(chat()).whole(body)


def test_embeddings_are_asked_for_and_read_in_both_encodings() -> None:
    asked = EMBEDDINGS.read({"model": "e", "input": ["a", "b"], "dimensions": 2})
    assert sent(asked) == {
        "requests": [
            {"model": "models/gemini-flash", "content": {"parts": [{"text": text}]}, "outputDimensionality": 2}
            for text in "ab"
        ]
    }
    told = json.dumps({"embeddings": [{"values": [1, 0.5]}, {"values": [0, 2]}]}).encode()
    vectors = GEMINI.reading(asked).whole(told).chunk["data"]
    assert [(each["index"], each["embedding"]) for each in vectors] == [(0, [1.0, 0.5]), (1, [0.0, 2.0])]
    packed = EMBEDDINGS.read({"model": "e", "input": "a", "encoding_format": "base64"})
    text = GEMINI.reading(packed).whole(b'{"embeddings": [{"values": [1, 0.5]}]}').chunk["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(text)) == (1.0, 0.5)
    assert GEMINI.cannot(EMBEDDINGS.read({"model": "e", "input": [1, 2]})) and not GEMINI.cannot(asked)
    for body in (b"{}", b'{"embeddings": [{}]}', b'{"embeddings": [{"values": ["x"]}]}'):
        with pytest.raises(Unreadable):
            GEMINI.reading(asked).whole(body)
