"""Every refusal of `/v1` comes in OpenAI's form, before any provider is called, and says what to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import time
from typing import Any

import httpx
import openai
import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.record import SYSTEM
from catalog import egress
from catalog.models import Provider as ProviderRow
from catalog.models import Route
from gateway import runtime
from gateway.wire import BodyTooSlow, Exchange
from tenants.keys import issue, revoke
from tenants.models import ApiKey
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually, kept, publish
from tests.gateway.provider import Provider
from tests.gateway.serving import Served
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


def refused(answer: httpx.Response, status: int, code: str, *, param: str | None = None) -> str:
    """Check the form, return the message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    return str(error["message"])


def test_no_key(front: Served) -> None:
    for headers in ({}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}):
        answer = httpx.post(f"{front.url}/v1/chat/completions", json=ASKED, headers=headers)
        assert "Bearer atrium_" in refused(answer, 401, "missing_api_key")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_was_mistyped_or_is_of_another_product(front: Served, key: str) -> None:
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), "sk-proj-abcdef", "atrium_dev_x", "é"):
        headers = {b"authorization": b"Bearer " + wrong.encode()}
        answer = httpx.get(f"{front.url}/v1/models", headers=headers)  # type: ignore[arg-type]
        assert "Copy the whole key again" in refused(answer, 401, "invalid_api_key")


def test_a_well_formed_key_that_nobody_issued(front: Served, team: Cast) -> None:
    from tenants import secrets

    answer = httpx.get(f"{front.url}/v1/models", headers={"authorization": f"Bearer {secrets.make('dev').text}"})
    assert "There is no API key atrium_dev_" in refused(answer, 401, "invalid_api_key")


def test_a_revoked_key_is_refused_within_a_second(client: httpx.Client, team: Cast) -> None:
    assert client.get("/v1/models").status_code == 200
    revoke(key=ApiKey.objects.get(), by=team.olivia)
    answer = eventually(lambda: (r := client.get("/v1/models")).status_code == 401 and r, within_s=1)
    assert "was revoked at" in refused(answer, 401, "revoked_api_key")


def test_a_key_expires_by_the_clock(client: httpx.Client, front: Served, team: Cast) -> None:
    soon = timezone.now() + dt.timedelta(seconds=1.5)
    short = issue(environment=team.environment(), name="Short", by=team.dev, expires_at=soon).secret
    client.headers["authorization"] = f"Bearer {short}"
    eventually(lambda: client.get("/v1/models").status_code == 200, within_s=1)
    answer = eventually(lambda: (r := client.get("/v1/models")).status_code == 401 and r)
    assert "expired at" in refused(answer, 401, "expired_api_key")


def test_a_new_key_works_within_a_second(client: httpx.Client, team: Cast) -> None:
    client.headers["authorization"] = f"Bearer {issue(environment=team.environment(), name='New', by=team.dev).secret}"
    eventually(lambda: client.get("/v1/models").status_code == 200, within_s=1)


def test_access_must_be_requested_and_works_once_granted(
    client: httpx.Client, team: Cast, provider: Provider, settings: Settings
) -> None:
    other = publish("other-model", provider)
    allow(team.environment("test"), other)  # of another environment: of no use here
    asked = ASKED | {"model": "other-model"}
    eventually(lambda: client.post("/v1/chat/completions", json=asked).status_code == 403, within_s=1)
    answer = client.post("/v1/chat/completions", json=asked)
    message = refused(answer, 403, "access_required", param="model")
    way = f"{settings.PUBLIC_URL}/requests/new/access/other-model/?environment=acme/support/development"
    assert way in message and answer.headers["x-atrium-way-out"] == way
    allow(team.environment(), other)
    eventually(lambda: client.post("/v1/chat/completions", json=asked).status_code == 200, within_s=1)
    kept()


def test_a_grant_ends_by_the_clock(client: httpx.Client, team: Cast, provider: Provider) -> None:
    other = publish("other-model", provider)
    allow(team.environment(), other, expires_at=timezone.now() + dt.timedelta(seconds=1))
    eventually(lambda: len(client.get("/v1/models").json()["data"]) == 2, within_s=0.9)
    eventually(lambda: len(client.get("/v1/models").json()["data"]) == 1)
    answer = client.post("/v1/chat/completions", json=ASKED | {"model": "other-model"})
    assert "no longer" in refused(answer, 403, "access_required", param="model")


def test_an_unknown_model(client: httpx.Client, sdk: openai.OpenAI) -> None:
    answer = client.post("/v1/chat/completions", json=ASKED | {"model": "gpt-\0-9"})
    assert "GET /v1/models" in refused(answer, 404, "model_not_found", param="model")
    refused(client.get("/v1/models/nothing"), 404, "model_not_found", param="model")
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("nothing")


def test_what_foreign_teams_may_use_is_not_told(client: httpx.Client, team: Cast, provider: Provider) -> None:
    secret = publish("secret-model", provider)
    allow(team.environment(of=team.foreign_project), secret)
    eventually(lambda: client.post("/v1/chat/completions", json=ASKED | {"model": "secret-model"}).status_code == 403)
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["echo-model"]
    assert client.get("/v1/models/secret-model").json() == {
        **client.get("/v1/models/missing-modl").json(),
        "error": client.get("/v1/models/missing-modl").json()["error"]
        | {"message": "There is no model “secret-model” that this key may use."},
    }


def test_a_route_that_was_switched_off(client: httpx.Client, route: Route) -> None:
    from tenants.changes import announce

    Route.objects.update(is_enabled=False)
    announce("route")
    answer = eventually(lambda: (r := client.post("/v1/chat/completions", json=ASKED)).status_code == 404 and r)
    assert "switched off" in refused(answer, 404, "model_not_found", param="model")


def test_a_route_whose_provider_nobody_connected(client: httpx.Client, route: Route) -> None:
    from tenants.changes import announce

    ProviderRow.objects.update(base_url="")
    announce("provider")
    answer = eventually(lambda: (r := client.post("/v1/chat/completions", json=ASKED)).status_code == 503 and r)
    assert "/catalog/models/echo-model/" in refused(answer, 503, "no_deployment", param="model")
    assert client.get("/v1/models").json()["data"] == []


def test_an_archived_tenant(client: httpx.Client, team: Cast) -> None:
    from tenants.changes import announce

    type(team.acme).objects.filter(pk=team.acme.pk).update(archived_at=timezone.now())
    announce("tenant")
    answer = eventually(lambda: (r := client.post("/v1/chat/completions", json=ASKED)).status_code == 403 and r)
    assert "archived" in refused(answer, 403, "environment_archived")
    refused(client.get("/v1/models"), 403, "environment_archived")
    refused(client.get("/v1/models/echo-model"), 403, "environment_archived")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"text"', None),
        (b'{"model": "echo-model", "messages": [{"content": "\xff"}]}', None),
        (b'{"messages": [{}]}', "model"),
        (b'{"model": 7, "messages": [{}]}', "model"),
        (b'{"model": "echo-model"}', "messages"),
        (b'{"model": "echo-model", "messages": []}', "messages"),
        (b'{"model": "echo-model", "messages": "hello"}', "messages"),
        (b'{"model": "echo-model", "messages": ["hello"]}', "messages"),
        (b'{"model": "echo-model", "messages": [{}], "stream": "yes"}', "stream"),
        (b'{"model": "echo-model", "messages": [{}], "stream_options": 1}', "stream_options"),
        (b"[" * 20_000, None),
    ],
)
def test_a_body_that_is_not_a_chat_request(client: httpx.Client, body: bytes, param: str | None) -> None:
    refused(client.post("/v1/chat/completions", content=body), 400, "invalid_request", param=param)


def test_a_body_that_is_too_large(client: httpx.Client, settings: Settings, front: Served, key: str) -> None:
    settings.GATEWAY_LARGEST_BODY = 1_048_576
    body = b'{"model": "echo-model", "messages": [{"content": "' + b"x" * 1_100_000 + b'"}]}'
    assert "1 MB" in refused(client.post("/v1/chat/completions", content=body), 413, "request_too_large")
    in_pieces = client.post("/v1/chat/completions", content=(body[i : i + 9000] for i in range(0, len(body), 9000)))
    refused(in_pieces, 413, "request_too_large")


def test_a_body_that_never_arrives(client: httpx.Client, settings: Settings, front: Served, key: str) -> None:
    settings.GATEWAY_BODY_TIMEOUT_S = 0.3
    with socket.create_connection(("127.0.0.1", front.port)) as slow:
        slow.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            "content-length: 100\r\n\r\n{".encode()
        )
        slow.settimeout(5)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_a_body_whose_pieces_are_always_there_ends_in_time_too(settings: Settings) -> None:
    settings.GATEWAY_BODY_TIMEOUT_S = 0.2

    async def read() -> None:
        loop = asyncio.get_running_loop()

        def receive() -> asyncio.Future[dict[str, Any]]:
            time.sleep(0.01)  # the loop is busy: when the time is over, the next piece has come
            coming = loop.create_future()
            coming.set_result({"type": "http.request", "body": b" ", "more_body": True})
            return coming

        async def send(_: dict[str, Any]) -> None:
            """Nothing is answered here."""

        scope = {"method": "POST", "path": "/v1/chat/completions", "headers": []}
        exchange = Exchange(scope, receive, send)  # type: ignore[arg-type]  # a future can be awaited as well
        with pytest.raises(BodyTooSlow):
            await asyncio.wait_for(exchange.read(lambda body: body), 5)

    asyncio.run(read())


def test_unknown_addresses_and_methods(client: httpx.Client) -> None:
    refused(client.get("/v1/nothing"), 404, "unknown_url")
    refused(client.get("/v1"), 404, "unknown_url")
    answer = client.get("/v1/chat/completions")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    refused(client.delete("/v1/models/echo-model"), 405, "method_not_allowed")


def test_refused_requests_are_no_calls(client: httpx.Client, provider: Provider) -> None:
    client.post("/v1/chat/completions", json={"model": "echo-model"})
    client.post("/v1/chat/completions", json=ASKED | {"model": "nothing"})
    client.post("/v1/chat/completions", json=ASKED)
    kept()
    assert len(provider.exchanges) == 1 and Call.objects.get().outcome == "ok"


def test_metrics_are_for_this_machine_or_the_holder_of_the_token(client: httpx.Client, settings: Settings) -> None:
    client.post("/v1/chat/completions", json=ASKED)
    text = client.get("/metrics").text
    assert 'atrium_calls_total{origin="api",outcome="ok",route="echo-model"}' in text
    settings.METRICS_TOKEN = "m" * 20
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"authorization": "Bearer " + "m" * 20}).status_code == 200
    settings.METRICS_TOKEN, settings.SECURE_PROXY_SSL_HEADER = "", ("X", "https")
    assert client.get("/metrics").status_code == 403, "behind a proxy everybody seems to be on this machine"


def test_the_actor_of_a_key_may_be_a_job(client: httpx.Client, team: Cast) -> None:
    client.headers["authorization"] = f"Bearer {issue(environment=team.environment(), name='Job', by=SYSTEM).secret}"
    eventually(lambda: client.get("/v1/models").status_code == 200, within_s=1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", ASKED, 200),
        ("GET", "/v1/models", None, 200),
        ("POST", "/v1/chat/completions", ASKED | {"model": "nothing"}, 404),
        ("POST", "/v1/chat/completions", [], 400),
    ],
)
def test_when_a_key_was_last_used_is_written_down(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, method: str, path: str, body: Any, status: int
) -> None:
    monkeypatch.setattr(runtime, "LAST_USED_EVERY_S", 0.2)
    assert client.request(method, path, json=body).status_code == status
    eventually(lambda: ApiKey.objects.get().last_used_at, within_s=8)


def test_every_answer_carries_a_strict_policy(client: httpx.Client, front: Served, settings: Settings) -> None:
    streamed = client.post("/v1/chat/completions", json=ASKED | {"stream": True})
    answers = [
        streamed,
        client.post("/v1/chat/completions", json=ASKED),
        client.get("/v1/models"),
        client.get("/v1/nothing"),
        client.get("/metrics"),
        httpx.get(f"{front.url}/v1/models"),
        httpx.get(f"{front.url}/healthz"),
        httpx.get(f"{front.url}/readyz"),
        httpx.get(f"{front.url}/nothing-here/"),
    ]
    settings.METRICS_TOKEN = "m" * 20
    answers.append(client.get("/metrics"))
    for answer in answers:
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
    assert streamed.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_address_that_is_never_called_hears_nothing_whatever_its_name_leads_to(
    client: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress, "_METADATA", frozenset({ipaddress.ip_address("127.0.0.1")}))
    answer = client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
    assert answer.status_code == 502
    assert not provider.exchanges
