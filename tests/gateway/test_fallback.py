"""The next deployment, and the next call, after one that misbehaved."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import httpx
import pytest

from catalog.models import Route
from tests.gateway.behaviours import (
    answers,
    breaks_off,
    deployments,
    hurry,
    keeps_silent,
    second_target,
)
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import WORDS, Behaviour, Exchange, Provider

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


def until_deployment(client: httpx.Client, name: str, **asked: Any) -> httpx.Response:
    def answered() -> httpx.Response | None:
        answer = client.post("/v1/chat/completions", json=ASKED | asked)
        return answer if answer.headers.get("x-atrium-deployment") == name else None

    answer: httpx.Response = eventually(answered)
    return answer


def test_the_next_deployment_is_tried_when_the_first_is_down(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    second_target(route, provider, first_url=dead)
    answer = until_deployment(client, "other/other-name", stream=True)
    assert answer.text.endswith("data: [DONE]\n\n")
    served = provider.exchanges[-1]
    assert (served.headers["authorization"], served.body["model"]) == ("Bearer sk-other", "other-name")
    calls = kept(len(provider.exchanges), within_s=4)
    last = calls.last()
    assert last is not None and (last.provider, last.upstream_name, last.cost) == ("other", "other-name", None)


@pytest.mark.parametrize(
    "behaviour", [answers(500, b"{}"), answers(429, b"{}"), answers(200, b'{"error": {"message": "x"}}')]
)
def test_the_next_deployment_is_tried_when_the_first_does_not_take_the_call(
    client: httpx.Client, provider: Provider, route: Route, behaviour: Behaviour
) -> None:
    provider.behaves(behaviour, model="echo-model")
    second_target(route, provider, first_url=provider.url)
    assert until_deployment(client, "other/other-name").json()["choices"][0]["message"]["content"] == "".join(WORDS)


def test_a_request_that_is_wrong_is_not_sent_elsewhere(client: httpx.Client, provider: Provider, route: Route) -> None:
    second_target(route, provider, first_url=provider.url)
    until_seen = provider.exchanges
    provider.behaves(answers(400, b"{}"))
    for _ in range(20):
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 400
        time.sleep(0.02)
    assert {exchange.body["model"] for exchange in until_seen} == {"echo-model"}


def test_a_connection_that_the_provider_closed_meanwhile_is_replaced(client: httpx.Client, provider: Provider) -> None:
    for _ in range(3):
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
        for writer in list(provider._connections):
            provider._loop.call_soon_threadsafe(writer.close)
        eventually(lambda: not provider._connections)
    assert set(kept(3).values_list("outcome", flat=True)) == {"ok"}
    assert provider.accepted == 3


def test_a_kept_connection_that_ends_without_an_answer_is_told_and_nothing_is_sent_twice(
    client: httpx.Client, provider: Provider
) -> None:
    client.post("/v1/chat/completions", json=ASKED)

    async def reads_and_breaks_off(exchange: Exchange) -> None:
        exchange.writer.transport.abort()

    provider.behaves(reads_and_breaks_off)
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_dropped")
    assert len(provider.exchanges) == 2
    last = kept(2).last()
    assert last is not None and last.input_tokens > 0, "the provider had the prompt and may bill it"


@pytest.mark.parametrize(
    ("behaviour", "status", "is_charged"),
    [
        (keeps_silent, 504, True),
        (breaks_off, 502, True),
        (answers(200, b"<html>"), 502, False),
        (answers(200, b'{"error": {"message": "quota exceeded"}}'), 502, False),
        (answers(200, b'data: {"error": {"message": "quota exceeded"}}\n\n', "text/event-stream"), 502, False),
        (answers(200, b'{"error": "x", "usage": {"prompt_tokens": 9, "completion_tokens": 0}}'), 502, True),
        (answers(503, b"{}"), 503, False),
        (answers(400, b"{}"), 400, False),
    ],
)
def test_a_prompt_that_the_provider_had_is_charged_and_one_it_refused_is_not(
    client: httpx.Client, provider: Provider, behaviour: Behaviour, status: int, is_charged: bool
) -> None:
    hurry(first_byte_s=0.3)
    provider.behaves(behaviour)
    assert client.post("/v1/chat/completions", json=ASKED).status_code == status
    call = kept().get()
    assert (call.outcome, call.input_tokens > 0, bool(call.cost)) == ("failed", is_charged, is_charged)


def test_what_a_first_deployment_may_bill_has_a_row_of_its_own(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    second_target(route, provider, first_url=provider.url)
    eventually(lambda: deployments(route) == 2)
    hurry(first_byte_s=0.3)
    provider.behaves(keeps_silent, model="echo-model")
    answer = client.post("/v1/chat/completions", json=ASKED, headers={"x-request-id": "mine"})
    assert answer.headers["x-atrium-deployment"] == "other/other-name"
    rows = {call.provider: call for call in kept(2)}
    lost, served = rows["echo"], rows["other"]
    assert (lost.outcome, lost.error_code, lost.usage_source) == ("failed", "provider_timeout", "counted")
    assert lost.input_tokens > 0 and lost.output_tokens == 0 and lost.cost
    assert (served.outcome, served.input_tokens, served.usage_source) == ("ok", 11, "provider")
    assert lost.request_id == served.request_id == "mine"
    assert answer.headers["x-atrium-call-id"] == str(served.id)


def test_what_comes_after_an_answer_is_nobodys(client: httpx.Client, provider: Provider) -> None:
    async def says_it_twice(exchange: Exchange) -> None:
        answer = b'{"choices": [{"message": {"content": "mine"}}]}'
        once = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)
        exchange.writer.write(once + once.replace(b"mine", b"evil"))
        await exchange.writer.drain()

    async def says_more_later(exchange: Exchange) -> None:
        await exchange.whole(200, b'{"choices": [{"message": {"content": "mine"}}]}')
        await asyncio.sleep(0.1)
        exchange.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await exchange.writer.drain()

    for behaviour in (says_it_twice, says_more_later):
        provider.behaves(behaviour)
        for _ in range(2):
            answer = client.post("/v1/chat/completions", json=ASKED)
            assert answer.json()["choices"][0]["message"]["content"] == "mine"
            time.sleep(0.3)
    assert provider.accepted == 4
