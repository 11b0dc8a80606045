"""A provider that misbehaves: the caller gets a clear error, the ledger what happened and what was used."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from catalog.models import Route
from tenants.changes import announce
from tests.gateway.behaviours import (
    answers,
    deployments,
    drips,
    hurry,
    second_target,
    streams,
)
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import WORDS, Behaviour, Exchange, Provider, chunk, usage
from usage.models import Call, Price

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


def failed_stream(client: httpx.Client) -> tuple[str, dict[str, Any]]:
    """The text that came, and the error with which the stream ended."""
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert answer.status_code == 200
    events = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1])
    return text, events[-1]["error"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "status", "code", "said"),
    [
        (answers(200, b'{"error": {"message": "model overloaded"}}'), 502, "provider_failed", "model overloaded"),
        (answers(200, b'{"error": "model overloaded"}'), 502, "provider_failed", "model overloaded"),
        (answers(200, b"<html>"), 502, "provider_malformed", "cannot be read"),
        (answers(200, b"{}"), 502, "provider_malformed", "without choices"),
        (answers(200, b"7"), 502, "provider_malformed", "no answer"),
        (answers(502, b"<html>Bad gateway</html>", "text/html"), 502, "provider_failed", "failed with status 502."),
        (answers(503, b'{"detail": "warming up"}'), 503, "provider_failed", "warming up"),
        (answers(500, b""), 502, "provider_failed", "status 500"),
        (
            answers(429, b'{"error": {"message": "slow down"}}', extra="retry-after: 7\r\n"),
            429,
            "provider_busy",
            "slow",
        ),
        (answers(401, b'{"error": {"message": "bad key sk-12345"}}'), 502, "provider_misconnected", "status 401"),
        (answers(404, b'{"error": {"message": "no such model"}}'), 502, "provider_misconnected", "status 404"),
        (
            answers(307, b"", extra="location: http://169.254.169.254/\r\n"),
            502,
            "provider_misconnected",
            "not followed",
        ),
        (
            answers(400, b'{"error": {"message": "max_tokens is too large", "param": "max_tokens"}}'),
            400,
            "provider_rejected_request",
            "max_tokens is too large",
        ),
        (answers(422, b"nonsense"), 422, "provider_rejected_request", "does not accept the request."),
    ],
)
def test_an_error_before_the_first_token_has_a_status_of_its_own(
    client: httpx.Client, provider: Provider, behaviour: Behaviour, status: int, code: str, said: str, stream: bool
) -> None:
    provider.behaves(behaviour)
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert said in error["message"] and "sk-12345" not in answer.text
    if status == 429:
        assert answer.headers["retry-after"] == "7"
    if status == 400:
        assert error["param"] == "max_tokens"
    call = kept().get()
    assert (call.outcome, call.status, call.error_code, call.output_tokens) == ("failed", status, code, 0)
    assert call.error_message == error["message"]
    assert answer.headers["x-atrium-call-id"] == str(call.id)


def test_the_openai_client_raises_its_own_errors(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(answers(429, b"{}"))
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(**ASKED)
    provider.behaves(streams(chunk("Well"), {"error": {"message": "out of memory"}}))
    with pytest.raises(openai.APIError, match="out of memory"):
        list(sdk.chat.completions.create(**ASKED, stream=True))


@pytest.mark.parametrize(
    ("last", "then", "code", "said"),
    [
        ({"error": {"message": "out of memory"}}, "", "provider_failed", "out of memory"),
        ({"error": "out of memory"}, "", "provider_failed", "out of memory"),
        (b"{not json", "", "provider_malformed", "cannot be read"),
        (b"[1]", "", "provider_malformed", "is no answer"),
        (chunk(), "break", "provider_dropped", "broke off"),
        (chunk(), "", "provider_dropped", "ended in the middle"),
    ],
)
def test_an_error_in_the_middle_ends_the_stream_and_what_was_used_is_charged(
    client: httpx.Client, provider: Provider, last: Any, then: str, code: str, said: str
) -> None:
    provider.behaves(streams(chunk("Well"), chunk(", this"), last, then=then))
    text, error = failed_stream(client)
    assert (text, error["code"]) == ("Well, this", code)
    assert said in error["message"]
    call = kept().get()
    assert (call.outcome, call.status, call.error_code, call.usage_source) == ("failed", 200, code, "counted")
    assert call.input_tokens > 0 and 2 <= call.output_tokens <= 4
    assert call.cost == (call.input_tokens * Decimal(1) + call.output_tokens * Decimal(2)) / 1_000_000


def test_a_provider_that_never_ends_is_given_up(client: httpx.Client, provider: Provider) -> None:
    hurry(idle_s=0.3, first_byte_s=0.3)
    provider.behaves(streams(chunk("Well"), then="silence"))
    text, error = failed_stream(client)
    assert (text, error["code"]) == ("Well", "provider_timeout")
    assert provider.exchanges[0].was_broken_off.wait(2)

    async def says_nothing(exchange: Exchange) -> None:
        await asyncio.sleep(30)

    provider.behaves(says_nothing)
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "provider_timeout")
    kept(2)


WELL = b"data: " + json.dumps(chunk("Well")).encode() + b"\n\n"


@pytest.mark.parametrize("piece", [b": still here\n\n", b"x"])
def test_a_stream_in_which_no_event_comes_any_more_is_given_up(
    client: httpx.Client, provider: Provider, piece: bytes
) -> None:
    hurry(idle_s=0.4, first_byte_s=0.4)
    provider.behaves(drips(piece, first=WELL))
    text, error = failed_stream(client)
    assert (text, error["code"]) == ("Well", "provider_timeout")
    assert provider.exchanges[0].was_broken_off.wait(2)
    provider.behaves(drips(piece))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "provider_timeout")
    assert set(kept(2).values_list("outcome", flat=True)) == {"failed"}


@pytest.mark.parametrize("behaviour", [streams(then="silence"), drips(b": still here\n\n")])
def test_a_head_is_not_the_beginning_of_a_stream(
    client: httpx.Client, provider: Provider, behaviour: Behaviour
) -> None:
    hurry(idle_s=15, first_byte_s=0.3)
    provider.behaves(behaviour)
    began = time.monotonic()
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "provider_timeout")
    assert "for 0.3 seconds" in answer.json()["error"]["message"] and time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("asked", "behaviour", "status"),
    [
        ({"stream": True}, drips(WELL), 200),
        ({}, drips(b" ", kind="application/json"), 504),
        ({"stream": True}, drips(b" ", kind="application/json"), 504),
    ],
)
def test_a_call_has_an_end_whatever_the_provider_goes_on_sending(
    client: httpx.Client, provider: Provider, route: Route, asked: dict[str, Any], behaviour: Behaviour, status: int
) -> None:
    second_target(route, provider, first_url=provider.url)
    eventually(lambda: deployments(route) == 2)
    hurry(total_s=0.6)
    provider.behaves(behaviour)
    answer = client.post("/v1/chat/completions", json=ASKED | asked)
    assert answer.status_code == status
    error = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]
    assert error["code"] == "call_too_long" and "within 0.6 seconds" in error["message"]
    assert len(provider.exchanges) == 1 and provider.exchanges[0].was_broken_off.wait(2)
    call = kept().get()
    assert (call.outcome, call.status, call.error_code) == ("failed", status, "call_too_long")
    assert call.input_tokens > 0


def test_an_error_that_never_ends_is_told_without_its_text(client: httpx.Client, provider: Provider) -> None:
    hurry(idle_s=0.3)
    provider.behaves(drips(b" ", kind="application/json", status=500))
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")


def test_a_head_that_never_ends_is_given_up(client: httpx.Client, provider: Provider) -> None:
    async def one_header_after_the_other(exchange: Exchange) -> None:
        exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            exchange.writer.write(b"x: y\r\n")
            await exchange.writer.drain()
            await asyncio.sleep(0.05)

    hurry(first_byte_s=0.4)
    provider.behaves(one_header_after_the_other)
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "provider_timeout")


def test_what_a_provider_sends_after_done_is_not_waited_for(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(drips(b": more\n\n", first=WELL + b"data: [DONE]\n\n"))
    began = time.monotonic()
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert answer.text.endswith("data: [DONE]\n\n") and time.monotonic() - began < 3
    assert provider.exchanges[0].was_broken_off.wait(2)
    assert kept().get().outcome == "ok"


def test_a_slow_stream_is_not_given_up_as_long_as_events_come(client: httpx.Client, provider: Provider) -> None:
    async def takes_its_time(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        for word in WORDS:
            await asyncio.sleep(0.25)
            await exchange.event(chunk(word))
        await exchange.event(b"[DONE]")
        await exchange.end()

    hurry(idle_s=0.6, first_byte_s=0.6)
    provider.behaves(takes_its_time)
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert answer.text.endswith("data: [DONE]\n\n") and kept().get().outcome == "ok"


def test_a_huge_event_is_refused(client: httpx.Client, provider: Provider) -> None:
    async def endless_line(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        await exchange.piece(b"data: ")
        for _ in range(200):
            await exchange.piece(b"x" * 100_000)

    provider.behaves(endless_line)
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_malformed")


def test_garbage_instead_of_http(client: httpx.Client, provider: Provider) -> None:
    async def garbage(exchange: Exchange) -> None:
        exchange.writer.write(b"\x16\x03\x01 what is this\r\n\r\n")
        await exchange.writer.drain()

    provider.behaves(garbage)
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_dropped")


def test_a_stream_without_done_but_with_an_end_is_whole(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(chunk("Well"), chunk(finish="length")))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert answer.text.endswith("data: [DONE]\n\n")
    assert (kept().get().outcome, Call.objects.get().finish_reason) == ("ok", "length")


def test_a_connection_that_ends_with_the_answer(client: httpx.Client, provider: Provider) -> None:
    async def old_fashioned(exchange: Exchange) -> None:
        content = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
        exchange.writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + content)
        await exchange.writer.drain()
        exchange.writer.close()

    provider.behaves(old_fashioned)
    for _ in range(2):
        assert client.post("/v1/chat/completions", json=ASKED).json()["choices"][0]["message"]["content"] == "hi"
    assert set(kept(2).values_list("usage_source", flat=True)) == {"counted"}


@pytest.mark.parametrize(
    "told", [{"prompt_tokens": -1, "completion_tokens": 5}, usage(10**12, 5), {"prompt_tokens": "9"}, [], {}, "many"]
)
def test_usage_that_cannot_be_true_is_not_believed(client: httpx.Client, provider: Provider, told: Any) -> None:
    provider.behaves(streams(chunk("Well, this is it."), chunk(finish="stop"), chunk() | {"usage": told}, b"[DONE]"))
    client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    call = kept().get()
    assert (call.usage_source, call.outcome) == ("counted", "ok")
    assert 5 <= call.output_tokens <= 8 and 5 <= call.input_tokens <= 12


def test_a_call_without_a_price_is_kept_without_a_cost(client: httpx.Client, provider: Provider) -> None:
    Price.objects.all().delete()
    announce("price")
    eventually(lambda: "x-atrium-cost" not in client.post("/v1/chat/completions", json=ASKED).headers)
    call = kept(len(provider.exchanges)).last()
    assert call is not None and call.cost is None and call.input_tokens == 11
