"""The access log: a line for each call and each refusal, and never a word of what was said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Exchange, Provider
from tests.gateway.test_traces import PARENT, TRACE, TRACEPARENT, ask


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, settings: Settings) -> Iterator[list[dict[str, Any]]]:
    """The lines of the access log."""
    settings.GATEWAY_ACCESS_LOG = True
    found: list[dict[str, Any]] = []

    class Reading(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.msg, dict):
                found.append(record.msg)

    logger, handler = logging.getLogger("atrium.access"), Reading()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def test_each_call_is_a_line(lines: list[dict[str, Any]], client: httpx.Client, team: Cast, provider: Provider) -> None:
    asked = ask(client, ("traceparent", TRACEPARENT), ("x-request-id", "mine-1"), user="somebody@example.test")
    call = kept().get()
    (line,) = eventually(lambda: list(lines))
    assert line["event"] == "call" and line["level"] == "info" and line["timestamp"]
    assert (line["request_id"], line["call_id"]) == ("mine-1", str(call.pk))
    assert (line["trace_id"], line["parent_id"]) == (TRACE, PARENT)
    assert line["span_id"] == provider.exchanges[0].headers["traceparent"].split("-")[2]
    assert (line["place"], line["key"], line["route"]) == ("acme/support/development", call.key_prefix, "echo-model")
    assert (line["provider"], line["deployment"]) == ("echo", "echo-model")
    assert (line["outcome"], line["status"]) == ("ok", 200)
    assert (line["input_tokens"], line["output_tokens"], line["cached_input_tokens"]) == (11, 5, 4)
    assert line["cost"] == format(call.cost or 0, "f") and line["ms"] == call.duration_ms
    said = json.dumps(line)
    assert asked.is_success and HELLO[0]["content"] not in said and "somebody@" not in said and "Well" not in said


def test_a_refused_request_is_a_line_without_its_query(lines: list[dict[str, Any]], client: httpx.Client) -> None:
    assert ask(client, model="nobody").status_code == 404
    assert client.get("/v1/nothing?q=a-secret").status_code == 404
    first, second = eventually(lambda: lines if len(lines) > 1 else None)
    assert (first["event"], first["code"], first["status"]) == ("refused", "model_not_found", 404)
    assert (second["path"], second["method"]) == ("/v1/nothing", "GET") and "a-secret" not in json.dumps(second)


def test_it_is_silent_where_it_is_not_asked_for(
    lines: list[dict[str, Any]], client: httpx.Client, settings: Settings
) -> None:
    settings.GATEWAY_ACCESS_LOG = False
    assert ask(client).is_success
    kept()
    assert lines == []


def test_a_failure_is_told_without_the_words_of_a_provider(
    lines: list[dict[str, Any]], client: httpx.Client, provider: Provider
) -> None:
    async def says_too_much(exchange: Exchange) -> None:
        await exchange.whole(400, b'{"error": {"message": "your prompt Say something. is bad"}}')

    provider.behaves(says_too_much)
    assert ask(client).status_code == 400
    (line,) = eventually(lambda: list(lines))
    assert (line["outcome"], line["status"], line["code"]) == ("failed", 400, "provider_rejected_request")
    assert "Say something" not in json.dumps(line)
