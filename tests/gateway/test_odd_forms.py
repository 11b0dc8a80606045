"""Odd forms on either side, well within what JSON and HTTP allow: each is passed on as it is, or refused in words."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from access.granting import revoke as revoke_grant
from access.models import Grant
from catalog.models import Provider as ProviderRow
from tenants.changes import announce
from tests.cast import Cast
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Provider, chunk
from tests.gateway.test_refusals import refused

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
DEEP = b"[" * 900 + b"]" * 900


def chat(**more: Any) -> bytes:
    return json.dumps(ASKED | more).encode()


# --- nesting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [260, 300, 1000])
def test_a_request_nested_too_deep_is_refused(client: httpx.Client, provider: Provider, depth: int) -> None:
    body = chat()[:-1] + b', "metadata": ' + b"[" * depth + b"]" * depth + b"}"
    refused(client.post("/v1/chat/completions", content=body), 400, "invalid_request")
    assert not provider.exchanges


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_nested_too_deep_is_the_providers(client: httpx.Client, provider: Provider, stream: bool) -> None:
    error = b'{"error":' + DEEP + b"}"
    provider.behaves(streams(error) if stream else answers(200, error))
    answer = client.post("/v1/chat/completions", content=chat(stream=stream))
    assert "reported an error." in refused(answer, 502, "provider_failed")
    call = kept().get()
    assert (call.outcome, call.status, call.error_code) == ("failed", 502, "provider_failed")


# --- how long to wait ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [("inf", None), ("nan", None), ("-inf", None), ("1e300", "86400"), ("90000", "86400"), ("7", "7"), ("soon", None)],
)
def test_how_long_to_wait_is_a_number_of_at_most_a_day(
    client: httpx.Client, provider: Provider, said: str, told: str | None
) -> None:
    provider.behaves(answers(429, b"slow down", extra=f"retry-after: {said}\r\n"))
    answer = client.post("/v1/chat/completions", json=ASKED)
    refused(answer, 429, "provider_busy")
    assert answer.headers.get("retry-after") == told


# --- the caller's mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [{"content": "hi"}, {"role": "", "content": "hi"}, {"role": 7, "content": "hi"}])
def test_a_message_without_a_role(client: httpx.Client, message: Any) -> None:
    answer = client.post("/v1/chat/completions", json=ASKED | {"messages": [*HELLO, message]})
    assert "role" in refused(answer, 400, "invalid_request", param="messages[1].role")


@pytest.mark.parametrize(
    "said",
    [
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "unsupported content[].type",
        "Missing 'role' in message",
    ],
)
def test_what_the_local_model_server_cannot_do_is_the_requests_fault(
    client: httpx.Client, provider: Provider, settings: Settings, said: str
) -> None:
    settings.LOCAL_MODEL_URL_FILE, settings.LOCAL_MODEL_URL = None, provider.url
    ProviderRow.objects.update(dialect="local")
    announce("provider")
    provider.behaves(answers(500, json.dumps({"error": {"code": 500, "message": said}}).encode()))
    answer = eventually(lambda: (r := client.post("/v1/chat/completions", json=ASKED)).status_code == 400 and r)
    assert said[:20] in refused(answer, 400, "provider_rejected_request")


def test_what_breaks_in_the_local_model_server_is_its_own_fault(
    client: httpx.Client, provider: Provider, settings: Settings
) -> None:
    settings.LOCAL_MODEL_URL_FILE, settings.LOCAL_MODEL_URL = None, provider.url
    ProviderRow.objects.update(dialect="local")
    announce("provider")
    provider.behaves(answers(500, b'{"error": {"code": 500, "message": "out of memory"}}'))
    refused(client.post("/v1/chat/completions", json=ASKED), 502, "provider_failed")


# --- access ---------------------------------------------------------------------------------------------------------


def test_a_grant_that_was_revoked_is_told_as_such(client: httpx.Client, team: Cast) -> None:
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    revoke_grant(grant=Grant.objects.get(), by=team.olivia, reason="Over")
    answer = eventually(lambda: (r := client.post("/v1/chat/completions", json=ASKED)).status_code == 403 and r)
    assert "no longer been given access" in refused(answer, 403, "access_required", param="model")
    assert client.get("/v1/models").json()["data"] == []


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0])
def test_a_number_reaches_the_provider_as_it_was_sent(client: httpx.Client, provider: Provider, number: int) -> None:
    assert client.post("/v1/chat/completions", content=chat(seed=number)).status_code == 200
    assert provider.exchanges[0].body["seed"] == number


@pytest.mark.parametrize("text", ["123456789012345678901234567890", "-9223372036854775809"])
def test_a_whole_number_that_would_change_on_the_way_is_refused(
    client: httpx.Client, provider: Provider, text: str
) -> None:
    for body in (
        chat()[:-1] + f', "seed": {text}}}'.encode(),
        chat()[:-1] + f', "metadata": [{{"a":\n{text}\n}}]}}'.encode(),
    ):
        assert text in refused(client.post("/v1/chat/completions", content=body), 400, "invalid_request")
    assert not provider.exchanges
    in_words = client.post("/v1/chat/completions", json=ASKED | {"user": f'", "seed": {text}, "'})
    assert in_words.status_code == 200, "a text may hold any number"


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_a_parameter_that_a_provider_names_is_a_text_or_nothing(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(answers(400, b'{"error": {"message": "bad", "param": {"a": 1}}}'))
    refused(client.post("/v1/chat/completions", json=ASKED), 400, "provider_rejected_request")


def test_an_end_with_a_space_behind_it_is_an_end(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(chunk("Well"), chunk(finish="stop"), b"[DONE] "))
    answer = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    assert answer.text.endswith("data: [DONE]\n\n") and "error" not in answer.text
    assert kept().get().outcome == "ok"


def test_the_name_of_a_model_is_decoded_once(client: httpx.Client) -> None:
    assert client.get("/v1/models/echo%2Dmodel").json()["id"] == "echo-model"
    message = refused(client.get("/v1/models/echo%252Dmodel"), 404, "model_not_found", param="model")
    assert "“echo%2Dmodel”" in message
