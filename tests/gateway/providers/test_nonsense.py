"""What is no answer, or is nested deeper than can be written, ends a call in words of its own and is accounted for."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from catalog.models import Provider as ProviderRow
from catalog.models import Route
from gateway.asked import Asked
from gateway.event import Event
from gateway.forms import FORMS
from gateway.forms.chat import CHAT
from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers import known
from gateway.providers.provider import Unreadable
from gateway.sse import ServerSentEvent
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
DEEP: dict[str, Any] = json.loads('{"a":' * 1000 + "1" + "}" * 1000)
PATHS = [
    ("/v1/chat/completions", ASKED), ("/v1/completions", {"model": "echo-model", "prompt": "Hi"}),
    ("/v1/messages", ASKED | {"max_tokens": 9}), ("/v1/responses", {"model": "echo-model", "input": "Hi"}),
]  # fmt: skip


def chat(**more: Any) -> Asked:
    return CHAT.read(ASKED | more)


def speaks(dialect: str) -> None:
    ProviderRow.objects.update(dialect=dialect)


ANTHROPIC = {"content": [{"type": "tool_use", "id": DEEP, "name": "f", "input": DEEP}], "stop_reason": "tool_use"}
BEDROCK = {"output": {"message": {"content": [{"toolUse": {"toolUseId": DEEP, "name": "f", "input": DEEP}}]}}}
GEMINI = {"candidates": [{"content": {"parts": [
    {"functionCall": {"id": DEEP, "name": "f", "args": DEEP}, "thoughtSignature": DEEP}]}}]}  # fmt: skip


@pytest.mark.parametrize(("kind", "told"), [("anthropic", ANTHROPIC), ("bedrock", BEDROCK), ("gemini", GEMINI)])
@pytest.mark.parametrize(("path", "body"), PATHS)
def test_arguments_nested_deeper_than_they_can_be_written_are_a_text_like_others(
    kind: str, told: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    form = FORMS[path]
    asked = form.read(body)
    chunk = known()[kind].reading(asked).whole(json.dumps(told).encode()).chunk
    [call] = chunk["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == DEEP
    writing = form.writing(form, asked)
    assert orjson.loads(writing.whole(Event(b"", chunk)))


@pytest.mark.parametrize("told", [{"finish_reason": {}}, {"finish_reason": ["stop"], "delta": {"content": []}}])
def test_a_reason_of_mistrals_that_is_no_word_is_none(told: dict[str, Any]) -> None:
    event = ServerSentEvent(json.dumps({"choices": [{"index": 0} | told]}).encode(), b"")
    assert known()["mistral"].reading(chat(stream=True)).event(event) is not None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), PATHS)
@pytest.mark.parametrize("place", ["top", "choice"])
def test_what_mistral_nests_too_deep_is_said_to_be_its_fault(
    path: str, body: dict[str, Any], place: str, stream: bool, route: Route, front_with: Any, key: str,
    provider: Provider,
) -> None:  # fmt: skip
    speaks("mistral")
    choice = {"index": 0, "message": {"content": "Hi"}} | ({"x": DEEP} if place == "choice" else {})
    told = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    told |= {"x": DEEP} if place == "top" else {}
    provider.behaves(streams(told) if stream else answers(200, json.dumps(told).encode()))
    with front_with(key) as client:
        answer = client.post(path, json=body | {"stream": stream})
    assert answer.status_code == 502 and "nested too deep" in answer.text
    call = kept().get()
    assert (call.error_code, call.input_tokens, call.output_tokens) == ("provider_malformed", 7, 2)


def test_a_response_whose_output_is_none_comes_to_its_end() -> None:
    asked = FORMS["/v1/responses"].read({"model": "m", "input": "Hi", "stream": True})
    told = {"type": "response.completed", "response": {"output": 5, "usage": {"input_tokens": 3, "output_tokens": 1}}}
    event = known()["openai_platform"].reading(asked).event(ServerSentEvent(json.dumps(told).encode(), b""))
    assert event is not None and event.chunk["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize("number", [1e300, 10**400])
@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_a_number_that_is_too_large_for_a_vector(number: Any, encoding: str) -> None:
    asked = EMBEDDINGS.read({"model": "e", "input": "a", "encoding_format": encoding})
    reading = known()["gemini"].reading(asked)
    body = json.dumps({"embeddings": [{"values": [number]}]}).encode()
    if encoding == "float" and number == 1e300:
        assert reading.whole(body).chunk["data"][0]["embedding"] == [1e300]
    else:
        with pytest.raises(Unreadable):
            reading.whole(body)


@pytest.mark.parametrize("choices", [
    [{"delta": "x"}], [{"delta": {"content": {"a": 1}}, "index": "a", "finish_reason": {}}], ["x"], 5, {"a": 1},
])  # fmt: skip
def test_a_choice_that_is_none_has_no_text(choices: Any) -> None:
    form = FORMS["/v1/completions"]
    writing = form.writing(form, form.read({"model": "m", "prompt": "Hi", "stream": True}))
    told = json.loads(writing.event(Event(b"", {"choices": choices, "deep": DEEP})).removeprefix(b"data: "))
    assert all(
        (choice["text"], choice["index"], choice["finish_reason"]) == ("", 0, None) for choice in told["choices"]
    )
    assert told["object"] == "text_completion"
