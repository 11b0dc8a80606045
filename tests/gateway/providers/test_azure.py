"""Azure OpenAI by both of its addresses: where it is asked, with which credential, and what it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from catalog.models import Deployment, Route
from gateway.providers.azure import PROVIDER
from tenants.changes import announce
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Body, Provider
from tests.gateway.responding import events_of, message, response
from tests.gateway.test_refusals import refused

VERSION = "?api-version=2024-10-21"
OPERATIONS: list[tuple[str, Body]] = [
    ("/chat/completions", {"messages": HELLO}),
    ("/completions", {"prompt": "Say"}),
    ("/embeddings", {"input": "a"}),
]


@pytest.fixture
def azure(route: Route, provider: Provider) -> Callable[..., None]:
    """`azure(path)`: the provider is Azure's, at `path`."""

    def made(path: str, credential: str = "a1b2c3") -> None:
        speaks("azure", base_url=f"http://127.0.0.1:{provider.port}{path}", credential=credential)

    return made


@pytest.fixture
def v1(azure: Callable[..., None]) -> None:
    azure("/openai/v1")


@pytest.fixture(params=["", "/openai"])
def by_deployment(azure: Callable[..., None], request: pytest.FixtureRequest) -> None:
    azure(request.param)


def test_the_newer_address_takes_what_openai_takes(v1: None, client: httpx.Client, provider: Provider) -> None:
    for path, asked in OPERATIONS:
        client.post(f"/v1{path}", json={"model": "echo-model"} | asked)
        sent = provider.exchanges[-1]
        assert (sent.path, sent.body) == (f"/openai/v1{path}", {"model": "echo-model"} | asked)
        assert sent.headers["api-key"] == "a1b2c3" and "authorization" not in sent.headers


def test_the_newer_address_takes_responses(v1: None, client: httpx.Client, provider: Provider) -> None:
    provider.behaves(answers(200, json.dumps(response("completed", message("Well."))).encode()))
    answer = client.post("/v1/responses", json={"model": "echo-model", "input": "Hi", "truncation": "auto"})
    assert answer.json()["id"] == "resp_theirs" and provider.exchanges[0].path == "/openai/v1/responses"
    assert kept().get().input_tokens == 21


def test_the_older_address_names_the_deployment_and_the_version(
    by_deployment: None, client: httpx.Client, provider: Provider
) -> None:
    for path, asked in OPERATIONS:
        client.post(f"/v1{path}", json={"model": "echo-model"} | asked)
        sent = provider.exchanges[-1]
        assert sent.path == f"/openai/deployments/echo-model{path}{VERSION}"
        assert sent.headers["api-key"] == "a1b2c3" and "authorization" not in sent.headers
    chat = kept(3)[0]
    assert (chat.outcome, chat.input_tokens, chat.output_tokens) == ("ok", 11, 5)


def test_the_older_address_is_asked_for_responses_as_chats(
    by_deployment: None, sdk: openai.OpenAI, client: httpx.Client, provider: Provider
) -> None:
    answer = sdk.responses.create(model="echo-model", input="Hi", max_output_tokens=90)
    assert answer.output_text == "Well, this is it."
    sent = provider.exchanges[0]
    assert sent.path == f"/openai/deployments/echo-model/chat/completions{VERSION}"
    assert sent.body["max_completion_tokens"] == 90 and "max_tokens" not in sent.body
    asked: Body = {"model": "echo-model", "input": "Hi", "stream": True}
    assert events_of(client.post("/v1/responses", json=asked))[-1]["response"]["usage"]["output_tokens"] == 5
    refused(client.post("/v1/responses", json=asked | {"truncation": "auto"}), 400, "invalid_request")


def test_a_deployments_name_stays_one_part_of_the_path(
    azure: Callable[..., None], route: Route, provider: Provider, front_with: Any, key: str
) -> None:
    Deployment.objects.update(upstream_name="gpt 4/é?x")
    azure("")
    announce("route")
    with front_with(key) as client:
        client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
    assert provider.exchanges[0].path == f"/openai/deployments/gpt%204%2F%C3%A9%3Fx/chat/completions{VERSION}"


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("https://x.openai.azure.com/openai/v1", "https://x.openai.azure.com/openai/v1/models"),
        ("https://x.openai.azure.com/openai", f"https://x.openai.azure.com/openai/models{VERSION}"),
        ("https://x.openai.azure.com", f"https://x.openai.azure.com/openai/models{VERSION}"),
    ],
)
def test_either_address_is_asked_whether_it_takes_the_credential(base_url: str, asked: str) -> None:
    listing = PROVIDER.listing(base_url, "a1b2c3")
    assert (listing.url, listing.headers, listing.names) == (asked, {"api-key": "a1b2c3"}, None)


@pytest.mark.parametrize("path", ["", "/openai/v1"])
def test_a_token_of_entra_is_sent_as_such(
    azure: Callable[..., None], path: str, front_with: Any, key: str, provider: Provider
) -> None:
    token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2ln-_"
    azure(path, token)
    with front_with(key) as client:
        client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
    headers = provider.exchanges[0].headers
    assert headers["authorization"] == f"Bearer {token}" and "api-key" not in headers


def test_without_a_credential_none_is_sent(
    azure: Callable[..., None], front_with: Any, key: str, provider: Provider
) -> None:
    azure("", "")
    with front_with(key) as client:
        client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
    assert not {"authorization", "api-key"} & set(provider.exchanges[0].headers)
