"""What Bedrock is asked, how that is signed, and what it answers in frames of its own."""

from __future__ import annotations

import datetime as dt
import json
import struct
import zlib
from typing import Any

import pytest

from gateway.asked import Asked, InvalidRequest
from gateway.forms.chat import CHAT
from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers import known
from gateway.providers.bedrock.frames import FrameParser
from gateway.providers.bedrock.signing import Keys, signed
from gateway.providers.provider import ToldNo, Unreadable
from gateway.snapshot import Target
from gateway.sse import EventTooLarge

BEDROCK = known()["bedrock"]
BASE = "https://bedrock-runtime.eu-central-1.amazonaws.com"
MODEL = "anthropic.claude-sonnet-4-v1:0"
HELLO = [{"role": "user", "content": "Hello"}]
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # of the documentation's example


def target(credential: str = "") -> Any:
    return Target(None, "aws", "AWS", "bedrock", BASE, credential, MODEL)  # type: ignore[arg-type]


def chat(**more: Any) -> Asked:
    return CHAT.read({"model": "m", "messages": HELLO} | more)


def sent(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(BEDROCK.request(target(), asked).body)
    return told


def frame(kind: str, told: Any, message: str = "event") -> bytes:
    """A message as the service frames it."""
    headers = b""
    name = ":event-type" if message == "event" else ":exception-type"
    for key, value in ((name, kind), (":content-type", "application/json"), (":message-type", message)):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(told).encode()
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = start + struct.pack(">I", zlib.crc32(start)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def heard(data: bytes, size: int = 7) -> list[dict[str, Any]]:
    reading = BEDROCK.reading(chat(stream=True))
    parser = reading.parser()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    events = [reading.event(event) for piece in pieces for event in parser.feed(piece)]
    assert reading.is_over
    return [event.chunk for event in events if event is not None]


def test_a_request_is_signed_as_the_documentation_signs_its_example() -> None:
    headers = signed(
        "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, b"", Keys("AKIDEXAMPLE", SECRET),
        "us-east-1", "iam", dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC),
    )  # fmt: skip
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def test_where_it_is_asked_and_with_which_credential() -> None:
    request = BEDROCK.request(target(f"AKIDEXAMPLEKEY123:{SECRET}:token=="), chat(stream=True))
    assert request.url == f"{BASE}/model/anthropic.claude-sonnet-4-v1%3A0/converse-stream"
    assert "/eu-central-1/bedrock/aws4_request" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "token==" and SECRET not in str(request.headers)
    assert BEDROCK.request(target("bedrock-api-key-x"), chat()).headers == {"authorization": "Bearer bedrock-api-key-x"}
    assert BEDROCK.request(target(), chat()).headers == {}
    assert BEDROCK.cannot(EMBEDDINGS.read({"model": "e", "input": "x"})) and BEDROCK.cannot(chat(n=2))
    assert not BEDROCK.cannot(chat())


def test_a_conversation_with_tools_becomes_turns_that_go_to_and_fro() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Rome"}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                     {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,aGk="}}]},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"sky": "clear"}'},
        {"role": "tool", "tool_call_id": "c2", "content": "nothing"},
        {"role": "user", "content": "And?"},
    ]  # fmt: skip
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": schema}}
    asked = chat(messages=messages, tools=[tool], tool_choice="required", max_tokens=9, temperature=0.5, top_p=0.9,
                 stop=["END"], top_k=5)  # fmt: skip
    assert sent(asked) == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "What is this?"},
                                         {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}}]},
            {"role": "assistant", "content": [
                {"text": "I look."}, {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"city": "Rome"}}}]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"json": {"sky": "clear"}}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "nothing"}]}},
                {"text": "And?"}]},
        ],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": schema}}}],
            "toolChoice": {"any": {}},
        },
        "additionalModelRequestFields": {"top_k": 5},
    }  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": ["x"]}]},
        {"messages": [{"role": "assistant", "tool_calls": {"id": "1"}}]},
        {"tools": 5},
        {"tools": ["x"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["bedrock", "gemini", "mistral"])
def test_what_is_no_request_is_refused(more: dict[str, Any], kind: str) -> None:
    if (kind != "bedrock" and "image_url" in str(more)) or (kind == "mistral" and "hologram" in str(more)):
        return  # takes it, or leaves it to be refused there
    with pytest.raises(InvalidRequest):
        known()[kind].request(target(), chat(**more))


def test_odd_settings_break_nothing() -> None:
    odd = chat(stop=5, tool_choice=[1], response_format={"type": "json_schema", "json_schema": 3}, reasoning_effort=[])
    for kind in ("bedrock", "gemini", "mistral"):
        assert known()[kind].request(target(), odd).body


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_stream_is_read_however_it_is_cut(size: int) -> None:
    data = b"".join(
        [
            frame("messageStart", {"role": "assistant"}),
            frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}),
            frame("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "I look."}}),
            frame("contentBlockStop", {"contentBlockIndex": 1}),
            frame("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
            frame("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "u", "name": "g"}}}),
            frame("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": '{"a":'}}}),
            frame("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": "1}"}}}),
            frame("messageStop", {"stopReason": "tool_use"}),
            frame("metadata", {"usage": {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 3}}),
        ]
    )
    chunks = heard(data, size)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert [delta.get("reasoning_content") for delta in deltas if "reasoning_content" in delta] == ["Hm."]
    assert "".join(delta.get("content", "") for delta in deltas) == "I look."
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [(call["index"], call.get("id"), call["function"].get("name")) for call in calls[:2]] == [
        (0, "t", "f"), (1, "u", "g"),
    ]  # fmt: skip
    assert "".join(call["function"]["arguments"] for call in calls if call["index"] == 1) == '{"a":1}'
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == {
        "prompt_tokens": 8, "completion_tokens": 7, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 3},
    }  # fmt: skip


def test_a_whole_answer_is_read() -> None:
    told = {
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "Hi"},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]}},
        "stopReason": "max_tokens", "usage": {"inputTokens": 5, "outputTokens": 7},
    }  # fmt: skip
    answer = BEDROCK.reading(chat()).whole(json.dumps(told).encode()).chunk
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    said = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "tool_calls": [call]}
    assert answer["choices"] == [{"index": 0, "finish_reason": "length", "message": said}]
    assert (answer["object"], answer["usage"]["prompt_tokens"]) == ("chat.completion", 5)


def test_errors_and_nonsense_are_no_answers() -> None:
    with pytest.raises(ToldNo) as told:
        heard(frame("throttlingException", {"message": "Too many requests"}, "exception"))
    assert told.value.error == {"message": "Too many requests", "type": "throttlingException"}
    broken = bytearray(frame("messageStop", {"stopReason": "end_turn"}))
    broken[-6] ^= 1
    for data in (bytes(broken), b"data: {}\n\n" * 9, b"<html>" * 9):
        with pytest.raises(Unreadable):
            FrameParser().feed(data)
    huge = struct.pack(">II", 2**30, 0)
    with pytest.raises(EventTooLarge):
        FrameParser().feed(huge + struct.pack(">I", zlib.crc32(huge)))
    for body in (b"7", b"{}", b'{"output": "x"}', b'{"output": {"message": {"content": "x"}}}'):
        with pytest.raises(Unreadable):
            BEDROCK.reading(chat()).whole(body)
