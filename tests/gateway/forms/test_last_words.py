"""A stream that cannot go on ends in its form, whatever has come of it before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.event import Event
from gateway.failures import ProviderDropped
from gateway.forms import FORMS
from gateway.forms.form import Form, Writing

DEEP: dict[str, Any] = json.loads('{"a":' * 1000 + "1" + "}" * 1000)
CALL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
REFUSAL = ProviderDropped("It broke off.")
FORM = FORMS["/v1/responses"]


SAID = [{"role": "user", "content": "Hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": SAID}, "/v1/completions": {"prompt": "Hi"},
    "/v1/messages": {"messages": SAID, "max_tokens": 9}, "/v1/responses": {"input": "Hi"},
}  # fmt: skip


def writing(form: Form = FORM, **more: Any) -> Writing:
    return form.writing(form, form.read({"model": "m", "stream": True} | ASKED[form.path] | more))


def read(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.partition(b"data: ")[2]) for event in stream.split(b"\n\n") if event]


def piece(**told: Any) -> Event:
    return Event(b"", {"choices": [{"index": 0, "delta": {"tool_calls": [CALL]}} | told]})


@pytest.mark.parametrize("told", [
    {"delta": {"tool_calls": [CALL | {"extra_content": DEEP}]}},
    {"delta": {"tool_calls": [{"index": 0, "function": {"name": DEEP, "arguments": "{}"}}]}},
    {"delta": {"content": "Hi"}, "logprobs": {"content": [{"token": "Hi", "logprob": DEEP}]}},
])  # fmt: skip
def test_what_is_nested_too_deep_is_left_out_of_a_response(told: dict[str, Any]) -> None:
    writes = writing()
    told_first = read(writes.event(piece(**told)))
    last = read(writes.last_words(REFUSAL, "r"))
    assert [event["type"] for event in last] == ["error", "response.failed"]
    assert last[-1]["response"]["output"][0]["status"] == "incomplete"
    assert [event["sequence_number"] for event in told_first + last[:1]] == list(range(len(told_first) + 1))


def test_a_response_that_cannot_be_written_ends_without_its_output() -> None:
    writes: Any = writing()
    sent = len(read(writes.event(piece())))
    writes._output.items[0]["x"] = DEEP
    error, failed = read(writes.last_words(REFUSAL, "r"))
    assert (error["type"], failed["type"], failed["response"]["output"]) == ("error", "response.failed", [])
    assert error["sequence_number"] == sent and failed["sequence_number"] > sent


def test_one_that_came_from_its_provider_ends_whatever_its_name_is() -> None:
    writes = writing()
    writes.event(Event(b"{}", {"id": DEEP, "model": DEEP, "usage": DEEP}, "responses", b"response.created"))
    failed = read(writes.last_words(REFUSAL, "r"))[-1]["response"]
    assert (failed["status"], failed["id"], failed["store"]) == ("failed", None, None)


def test_one_from_its_provider_that_cannot_be_written_again_goes_on_as_it_came_and_is_not_stored() -> None:
    writes = writing()
    writes.stores("resp_1")
    data = b'{"type": "response.completed", "response": ' + b'{"a":' * 300 + b"1" + b"}" * 301
    assert data in writes.event(Event(data, {}, "responses", b"response.completed"))
    assert writes.end() == b"" and writes.stored is None


@pytest.mark.parametrize("path", ASKED)
def test_every_form_ends_a_stream_that_had_nonsense_in_it(path: str) -> None:
    writes = writing(FORMS[path])
    for told in ({"choices": 5}, {"choices": [5]}, {"choices": [{"delta": 5}]}, {"id": 5, "choices": [{"index": {}}]}):
        writes.event(Event(b"", told))
    assert "It broke off." in writes.last_words(REFUSAL, "r").decode()
