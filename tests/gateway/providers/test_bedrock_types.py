"""What Bedrock is asked fits the service's own model, which the official SDK carries, and its answers are read.

The SDK is imported by the tests: it takes a second.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode
from functools import cache
from typing import Any

import pytest

from gateway.providers.bedrock.frames import FrameParser
from gateway.providers.bedrock.signing import Keys, signed
from tests.gateway.providers.test_bedrock import frame
from tests.gateway.providers.variants import VARIANTS, said, sent, streamed, target, whole

MODEL = "anthropic.claude-sonnet-4-v1:0"
BEDROCK = target("bedrock", MODEL, "https://bedrock-runtime.eu-central-1.amazonaws.com", "")


@cache
def service() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("bedrock-runtime")


def in_python(value: Any) -> Any:
    """As its client is given it: what travels in base64 is bytes there."""
    if isinstance(value, dict):
        return {name: b64decode(each) if name == "bytes" else in_python(each) for name, each in value.items()}
    return [in_python(each) for each in value] if isinstance(value, list) else value


def check(body: dict[str, Any], operation: str = "Converse") -> None:
    """Every field is known, at every depth, and of its type and size."""
    from botocore.validate import ParamValidator

    shape = service().operation_model(operation).input_shape
    report = ParamValidator().validate(in_python(body) | {"modelId": MODEL}, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("more", VARIANTS, ids=str)
def test_what_it_is_asked_fits_the_service(more: dict[str, Any]) -> None:
    if body := sent(BEDROCK, **more):  # some it says that it cannot be asked
        check(body, "ConverseStream" if more.get("stream") else "Converse")
    else:
        assert "response_format" in more


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"messages": [{"role": "user", "content": [{"zzz": "x"}]}]},
                                   {"inferenceConfig": {"maxTokens": "9"}}, {"toolConfig": {"tools": []}}])  # fmt: skip
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(sent(BEDROCK) | wrong)


def known(told: Any, shape: Any, path: str = "") -> list[str]:
    """What is told and is not in the service's model of it."""
    if shape.type_name == "structure" and not shape.is_document_type:
        missing = [f"{path}.{name}" for name in told if name not in shape.members]
        there = [known(told[name], shape.members[name], f"{path}.{name}") for name in told if name in shape.members]
        return [*missing, *(each for found in there for each in found)]
    if shape.type_name == "list":
        return [each for value in told for each in known(value, shape.member, path)]
    return []


def test_an_answer_of_the_service_is_read() -> None:
    blocks = [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}, {"text": "Yes."},
              {"toolUse": {"toolUseId": "t", "name": "weather", "input": {"place": "here"}}}]  # fmt: skip
    used = {
        "inputTokens": 5,
        "outputTokens": 7,
        "totalTokens": 12,
        "cacheReadInputTokens": 2,
        "cacheWriteInputTokens": 3,
    }
    told = {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "tool_use", "usage": used}
    assert known(told, service().operation_model("Converse").output_shape) == []
    assert known({"zzz": 1}, service().operation_model("Converse").output_shape) == [".zzz"]
    read = whole(BEDROCK, told)
    assert read.choices[0].message.content == "Yes." and read.choices[0].finish_reason == "tool_calls"
    assert read.usage is not None and read.usage.prompt_tokens == 10


def test_a_stream_of_the_service_is_read() -> None:
    events: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Yes."}}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "weather"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}}),
    ]
    stream = service().operation_model("ConverseStream").output_shape.members["stream"]
    for kind, told in events:
        assert known(told, stream.members[kind]) == [], kind
    parser = FrameParser()
    chunks = streamed(BEDROCK, [each for kind, told in events for each in parser.feed(frame(kind, told))])
    assert said(chunks) == "Yes." and chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 7


def test_the_sdk_reads_the_frames_of_these_tests() -> None:
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(frame("messageStart", {"role": "assistant"}))
    [read] = list(buffer)
    assert read.headers[":event-type"] == "messageStart" and json.loads(read.payload) == {"role": "assistant"}


def test_the_sdk_signs_a_request_as_it_is_signed() -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"https://bedrock-runtime.eu-central-1.amazonaws.com/model/{MODEL.replace(':', '%3A')}/converse"
    now = dt.datetime.now(dt.UTC)
    ours = signed("POST", url, {"content-type": "application/json"}, b"{}", Keys("A" * 20, "s", "t"),
                  "eu-central-1", "bedrock", now)  # fmt: skip
    request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=b"{}")
    auth = SigV4Auth(Credentials("A" * 20, "s", "t"), "bedrock", "eu-central-1")
    request.context["timestamp"] = f"{now:%Y%m%dT%H%M%SZ}"
    request.headers["X-Amz-Date"], request.headers["X-Amz-Security-Token"] = request.context["timestamp"], "t"
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")
