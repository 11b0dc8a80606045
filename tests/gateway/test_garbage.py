"""An answer that breaks its reading, or never ends, is the provider's failure: told as such, and metered so far."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from catalog.models import Route
from gateway import relay
from gateway.providers.gemini.reading import AnswerReading
from tests.gateway.behaviours import answers, drips, hurry, streams
from tests.gateway.conftest import HELLO, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Provider, chunk

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that nobody made strict enough for what a provider sends."""
    meaning = AnswerReading._meaning

    def broken(self: AnswerReading, told: dict[str, Any], *more: str) -> dict[str, Any]:
        return meaning(self, told, *more) if "text" in str(told) else {"n": int({})}  # type: ignore[call-overload]

    monkeypatch.setattr(AnswerReading, "_meaning", broken)


def said(*parts: bytes) -> bytes:
    return b'{"candidates": [{"index": 0, "content": {"parts": [%s]}}]}' % b",".join(parts)


BROKEN = said(b'{"functionCall": {"name": "look"}}')


def last_error(answer: httpx.Response) -> dict[str, Any]:
    told = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
    error: dict[str, Any] = told["error"]
    return error


def test_a_stream_that_breaks_its_reading_is_malformed_and_charged_so_far(
    breaking: None, route: Route, provider: Provider, front_with: Any, key: str
) -> None:
    speaks("gemini")
    provider.behaves(streams(said(b'{"text": "Well, this is it."}'), BROKEN))
    with front_with(key) as client:
        answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert (answer.status_code, last_error(answer)["code"]) == (200, "provider_malformed")
    call = kept().get()
    assert (call.outcome, call.error_code, call.usage_source) == ("failed", "provider_malformed", "counted")
    assert call.input_tokens > 0 and call.output_tokens > 3


def test_a_whole_answer_that_breaks_its_reading_is_malformed(
    breaking: None, route: Route, provider: Provider, front_with: Any, key: str
) -> None:
    speaks("gemini")
    provider.behaves(answers(200, BROKEN))
    with front_with(key) as client:
        answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_malformed")
    assert kept().get().error_code == "provider_malformed"


def test_a_stream_has_a_largest_size(client: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(total_s=5.0)  # it would never end by itself
    monkeypatch.setattr(relay, "LARGEST_ANSWER", 10_000)
    provider.behaves(drips(b"data: " + json.dumps(chunk("x" * 3_000)).encode() + b"\n\n"))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    error = last_error(answer)
    assert error["code"] == "provider_malformed" and "more than an answer can be" in error["message"]
    assert provider.exchanges[0].was_broken_off.wait(2)
    assert kept().get().output_tokens > 0
