"""Vertex AI: where it is asked, and how the access token of a service account is had, kept and renewed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from catalog import probing
from catalog.egress import AddressNotAllowed
from gateway.asked import Asked, InvalidRequest
from gateway.forms import FORMS
from gateway.forms.chat import CHAT
from gateway.forms.embeddings import EMBEDDINGS
from gateway.providers import known, provider_of
from gateway.providers.provider import Unreadable
from gateway.providers.vertex.service_account import KeyFileUnreadable, account_of
from gateway.providers.vertex.tokens import Tokens
from gateway.snapshot import Target
from gateway.stop import Stop, Stopped
from gateway.upstream import ConnectFailed, Upstream
from tests.gateway.conftest import HELLO, eventually
from tests.gateway.dialects import speaks
from tests.gateway.provider import Exchange, Provider
from tests.gateway.providers.google import TokenServer, key_file, token_server
from usage.models import Call

BASE = "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west4"


@pytest.fixture
def issuer() -> Iterator[TokenServer]:
    with token_server() as running:
        yield running


def target(model: str = "gemini-2.5-flash", credential: str = "ya29.x") -> Any:
    return Target(None, "vertex", "Vertex", "vertex", BASE, credential, model)  # type: ignore[arg-type]


def chat(**more: Any) -> Asked:
    return CHAT.read({"model": "m", "messages": HELLO} | more)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "/publishers/google/models/gemini-2.5-flash:generateContent"),
        ("publishers/google/models/gemini-3", "/publishers/google/models/gemini-3:generateContent"),
        ("google/gemini-3", "/publishers/google/models/gemini-3:generateContent"),
        ("endpoints/123", "/endpoints/123:generateContent"),
        ("claude-sonnet-4-5@20250929", "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"),
        ("anthropic/claude-opus-5", "/publishers/anthropic/models/claude-opus-5:rawPredict"),
    ],
)
def test_each_model_lies_below_its_publisher(model: str, path: str) -> None:
    request = provider_of(target(model)).request(target(model), chat())
    assert request.url == BASE + path and request.headers["authorization"] == "Bearer ya29.x"


def test_streams_have_a_verb_of_their_own() -> None:
    for model, verb in (("gemini-3", ":streamGenerateContent?alt=sse"), ("claude-opus-5", ":streamRawPredict")):
        assert provider_of(target(model)).request(target(model), chat(stream=True)).url.endswith(verb)


def test_a_claude_is_told_the_version_and_no_model_in_the_body() -> None:
    own = FORMS["/v1/messages"].read({"model": "m", "messages": HELLO, "max_tokens": 9})
    for asked in (chat(max_tokens=9), own):
        body = json.loads(provider_of(target("claude-opus-5")).request(target("claude-opus-5"), asked).body)
        assert body["anthropic_version"] == "vertex-2023-10-16" and "model" not in body and body["max_tokens"] == 9


def test_embeddings_are_predictions() -> None:
    asked = EMBEDDINGS.read({"model": "m", "input": ["a", "b"], "dimensions": 2})
    request = known()["vertex"].request(target("text-embedding-005"), asked)
    assert request.url == f"{BASE}/publishers/google/models/text-embedding-005:predict"
    sent = {"instances": [{"content": "a"}, {"content": "b"}], "parameters": {"outputDimensionality": 2}}
    assert json.loads(request.body) == sent
    row = {"embeddings": {"values": [1, 0.5], "statistics": {"token_count": 3, "truncated": False}}}
    told = known()["vertex"].reading(asked).whole(json.dumps({"predictions": [row, row]}).encode()).chunk
    assert [each["embedding"] for each in told["data"]] == [[1.0, 0.5]] * 2
    assert told["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    with pytest.raises(Unreadable):
        known()["vertex"].reading(asked).whole(b'{"predictions": [{"embeddings": 5}]}')
    with pytest.raises(InvalidRequest):
        known()["vertex"].request(target(), EMBEDDINGS.read({"model": "m", "input": ["a"] * 251}))


@pytest.mark.parametrize(
    "credential",
    ["{", "{}", '{"client_email": 5}', key_file("").replace("PRIVATE KEY", "KEY"), key_file("", client_email="")],
)
def test_what_is_no_key_file_is_said_to_be_none(credential: str) -> None:
    with pytest.raises(KeyFileUnreadable):
        account_of(credential)


def test_a_key_file_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(account_of(key_file("https://example.test/token")))


# --- connecting -------------------------------------------------------------------------------------------------------
def test_connecting_asks_for_a_token_and_then_with_it(provider: Provider, issuer: TokenServer) -> None:
    heard: list[str] = []
    kind = known()["vertex"]
    with listed(heard) as base:
        answer = probing.list_models(kind, base, key_file(issuer.url))
    assert answer.told is None and heard == ["/v1beta1/publishers/google/models?pageSize=1 Bearer token-1"]
    assert issuer.claims[0]["aud"] == issuer.url and issuer.claims[0]["exp"] - issuer.claims[0]["iat"] == 3600
    issuer.status = 400
    with listed(heard) as base, pytest.raises(probing.CredentialRejected, match="gave no access token"):
        probing.list_models(kind, base, key_file(issuer.url))


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/token", "http://[::ffff:169.254.169.254]/token", "file:///x"]
)
def test_no_token_is_asked_for_at_an_address_that_is_never_called(address: str) -> None:
    with listed([]) as base, pytest.raises(AddressNotAllowed) as refused:
        probing.list_models(known()["vertex"], base, key_file(address))
    assert refused.value.field == "credential"  # the endpoint's own address is right


def test_where_nobody_gives_tokens_the_credential_is_at_fault() -> None:
    with listed([]) as base, pytest.raises(probing.ProviderUnreachable) as refused:
        probing.list_models(known()["vertex"], base, key_file("http://127.0.0.1:9/token"))
    assert refused.value.field == "credential" and "127.0.0.1:9/token cannot be reached" in refused.value.sentence


def listed(heard: list[str]) -> Any:
    """A server that lists Google's models to whoever has a token."""

    class Answering(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            heard.append(f"{self.path} {self.headers.get('authorization')}")
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    @contextmanager
    def running() -> Iterator[str]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/projects/acme/locations/global"
        server.shutdown()
        server.server_close()

    return running()


# --- tokens -----------------------------------------------------------------------------------------------------------
def account(issuer: TokenServer) -> Any:
    return account_of(key_file(issuer.url))


def test_a_token_is_had_once_whoever_waits(issuer: TokenServer) -> None:
    async def many() -> list[str]:
        upstream, tokens = Upstream(), Tokens()
        told = await asyncio.gather(*(tokens.token(upstream, account(issuer), 5, Stop()) for _ in range(20)))
        return [*told, await tokens.token(upstream, account(issuer), 5, Stop())]

    assert set(asyncio.run(many())) == {"token-1"} and len(issuer.claims) == 1


def test_it_is_renewed_before_it_ends_and_no_call_waits_for_that(issuer: TokenServer) -> None:
    issuer.lasts_s = 3  # renewed from its third second on

    async def later() -> tuple[str, int, str]:
        upstream, tokens = Upstream(), Tokens()
        await tokens.token(upstream, account(issuer), 5, Stop())
        held = next(iter(tokens._held.values()))
        held.renewed_from = time.monotonic()
        meanwhile = await tokens.token(upstream, account(issuer), 5, Stop())
        asked = len(issuer.claims)
        for _ in range(400):
            if (now := await tokens.token(upstream, account(issuer), 5, Stop())) != meanwhile:
                break
            await asyncio.sleep(0.005)
        return meanwhile, asked, now

    assert asyncio.run(later()) == ("token-1", 1, "token-2")


def test_one_that_cannot_be_had_is_not_asked_for_again_at_once(issuer: TokenServer) -> None:
    issuer.status = 401

    async def twice() -> list[str]:
        upstream, tokens, told = Upstream(), Tokens(), []
        for _ in range(2):
            with pytest.raises(ConnectFailed) as failed:
                await tokens.token(upstream, account(issuer), 5, Stop())
            told.append(str(failed.value))
        return told

    told = asyncio.run(twice())
    assert told[0] == told[1] and "401, “invalid_grant”" in told[0] and len(issuer.claims) == 1


def test_an_old_token_goes_on_while_a_new_one_cannot_be_had(issuer: TokenServer) -> None:
    async def on() -> str:
        upstream, tokens = Upstream(), Tokens()
        await tokens.token(upstream, account(issuer), 5, Stop())
        next(iter(tokens._held.values())).renewed_from = 0.0
        issuer.status = 500
        await tokens.token(upstream, account(issuer), 5, Stop())
        await asyncio.sleep(0.2)
        return await tokens.token(upstream, account(issuer), 5, Stop())

    assert asyncio.run(on()) == "token-1" and len(issuer.claims) == 2


def test_who_goes_waits_for_no_token_and_others_still_do(issuer: TokenServer) -> None:
    async def go() -> str:
        upstream, tokens, stop = Upstream(), Tokens(), Stop()
        leaving = asyncio.create_task(tokens.token(upstream, account(issuer), 5, stop))
        staying = asyncio.create_task(tokens.token(upstream, account(issuer), 5, Stop()))
        await asyncio.sleep(0)
        stop.set()
        with pytest.raises(Stopped):
            await leaving
        return await staying

    assert asyncio.run(go()) == "token-1"


def test_who_waits_too_long_for_a_token_has_sent_nothing(issuer: TokenServer) -> None:
    async def ask() -> None:
        with pytest.raises(ConnectFailed, match="no access token came within"):
            await Tokens().token(Upstream(), account(issuer), 0.000001, Stop())

    asyncio.run(ask())


def test_no_token_is_asked_for_at_an_address_of_the_link(monkeypatch: pytest.MonkeyPatch, issuer: TokenServer) -> None:
    monkeypatch.setattr("gateway.upstream.is_forbidden", lambda address: True)  # as if the name led there

    async def ask() -> None:
        with pytest.raises(ConnectFailed, match="never called"):
            await Tokens().token(Upstream(), account(issuer), 5, Stop())

    asyncio.run(ask())
    assert issuer.claims == []


# --- through the front door -------------------------------------------------------------------------------------------
async def gemini(exchange: Exchange) -> None:
    used = {"promptTokenCount": 11, "candidatesTokenCount": 5}
    said = {"content": {"parts": [{"text": "Well."}]}, "finishReason": "STOP"}
    await exchange.whole(200, json.dumps({"candidates": [said], "usageMetadata": used}).encode())


async def refuses(exchange: Exchange) -> None:
    await exchange.whole(401, b'{"error": {"message": "token expired"}}')


def test_a_call_goes_out_with_the_token_and_a_refused_one_is_replaced(
    client: httpx.Client, provider: Provider, issuer: TokenServer
) -> None:
    speaks("vertex", credential=key_file(issuer.url).replace("\n", " "))
    asked = {"model": "echo-model", "messages": HELLO}
    provider.behaves(gemini)
    eventually(lambda: client.post("/v1/chat/completions", json=asked).status_code == 200)
    sent = provider.exchanges[-1]
    assert sent.headers["authorization"] == "Bearer token-1" and sent.path.endswith("models/echo-model:generateContent")
    provider.behaves(refuses)
    told = client.post("/v1/chat/completions", json=asked)
    assert told.status_code == 502 and told.json()["error"]["code"] == "provider_misconnected"
    provider.behaves(gemini)
    assert client.post("/v1/chat/completions", json=asked).status_code == 200
    assert provider.exchanges[-1].headers["authorization"] == "Bearer token-2"


def test_a_call_without_a_token_was_not_made_and_costs_nothing(
    client: httpx.Client, provider: Provider, issuer: TokenServer
) -> None:
    issuer.status = 400
    speaks("vertex", credential=key_file(issuer.url).replace("\n", " "))
    asked = {"model": "echo-model", "messages": HELLO}

    def refused() -> Any:
        told = client.post("/v1/chat/completions", json=asked)
        return told if "no access token" in told.text else None

    told = eventually(refused)
    assert told.status_code == 502 and told.json()["error"]["code"] == "provider_unreachable"
    call = eventually(lambda: Call.objects.filter(error_code="provider_unreachable").first())
    assert (call.input_tokens, call.output_tokens, call.outcome) == (0, 0, "failed")
    assert not any("generateContent" in each.path for each in provider.exchanges)
