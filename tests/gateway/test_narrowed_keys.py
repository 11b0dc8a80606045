"""A narrowed key calls its routes from its networks and nothing else, and says so in OpenAI's form."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from pytest_django import Settings

from tenants.client_address import client_address
from tenants.key_scope import narrow
from tenants.models import ApiKey
from tenants.moving import move_project
from tenants.security.setting import secure
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually, kept, publish
from tests.gateway.provider import Provider
from tests.gateway.test_refusals import refused
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


def names(client: httpx.Client) -> list[str]:
    return [model["id"] for model in client.get("/v1/models").json()["data"]]


def test_it_works(client: httpx.Client, sdk: openai.OpenAI, team: Cast, provider: Provider) -> None:
    allow(team.environment(), publish("other-model", provider))
    eventually(lambda: names(client) == ["echo-model", "other-model"], within_s=1)
    narrow(key=ApiKey.objects.get(), by=team.dev, allowed_routes=["echo-model"], allowed_networks=["127.0.0.0/8"])
    eventually(lambda: names(client) == ["echo-model"], within_s=1)
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    answer = client.post("/v1/chat/completions", json=ASKED | {"model": "other-model"})
    assert "GET /v1/models lists" in refused(answer, 403, "key_not_for_route", param="model")
    refused(client.get("/v1/models/other-model"), 404, "model_not_found", param="model")
    with pytest.raises(openai.PermissionDeniedError):
        sdk.chat.completions.create(model="other-model", messages=HELLO)  # type: ignore[arg-type]
    kept()


def test_from_another_network_nothing_is_answered(client: httpx.Client, team: Cast) -> None:
    narrow(key=ApiKey.objects.get(), by=team.dev, allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    answer = eventually(lambda: (r := client.get("/v1/models")).status_code == 403 and r, within_s=1)
    assert "comes from 127.0.0.1" in refused(answer, 403, "network_not_allowed")
    refused(client.post("/v1/chat/completions", json=ASKED), 403, "network_not_allowed")
    spoofed = client.get("/v1/models", headers={"X-Forwarded-For": "203.0.113.9"})
    refused(spoofed, 403, "network_not_allowed")


def test_the_tenant_s_networks_hold_beside_the_key_s(client: httpx.Client, team: Cast) -> None:
    def is_open() -> bool:
        return client.get("/v1/models").status_code == 200

    secure(tenant=team.acme, by=team.olivia, allowed_networks=["203.0.113.0/24"])
    answer = eventually(lambda: (r := client.get("/v1/models")).status_code == 403 and r, within_s=1)
    assert "The tenant acme answers in certain networks only" in refused(answer, 403, "network_not_allowed")
    secure(tenant=team.acme, by=team.olivia, allowed_networks=["127.0.0.0/8"])
    eventually(is_open, within_s=1)
    narrow(key=ApiKey.objects.get(), by=team.dev, allowed_networks=["203.0.113.0/24"])
    answer = eventually(lambda: (r := client.get("/v1/models")).status_code == 403 and r, within_s=1)
    assert "The API key" in refused(answer, 403, "network_not_allowed")
    narrow(key=ApiKey.objects.get(), by=team.dev, allowed_networks=[])
    eventually(is_open, within_s=1)
    secure(tenant=team.acme, by=team.olivia, allowed_networks=[])
    eventually(is_open, within_s=1)


def test_behind_a_proxy_what_the_proxy_says_counts(client: httpx.Client, team: Cast, settings: Settings) -> None:
    narrow(key=ApiKey.objects.get(), by=team.dev, allowed_networks=["203.0.113.0/24"])
    eventually(lambda: client.get("/v1/models").status_code == 403, within_s=1)
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

    def asked(*forwarded: str) -> int:
        headers = [("x-forwarded-for", each) for each in forwarded]
        return client.get("/v1/models", headers=[*headers, *client.headers.items()]).status_code

    assert asked("203.0.113.9") == asked("198.51.100.1, 203.0.113.9") == asked("198.51.100.1", "203.0.113.9") == 200
    assert asked("203.0.113.9, 198.51.100.1") == asked("203.0.113.9", "198.51.100.1") == asked("nonsense") == 403


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "seen"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),
        ("192.0.2.1", "", 1, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9:4711", 1, "203.0.113.9"),
        ("192.0.2.1", "[2001:db8::1]:4711", 1, "2001:db8::1"),
        ("192.0.2.1", "6.6.6.6, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9", 2, None),
        ("", "", 0, None),
        ("192.0.2.1", ",", 1, None),
    ],
)
def test_where_a_client_is_seen(peer: str, forwarded: str, trusted: int, seen: str | None, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    found = client_address(peer, forwarded)
    assert (str(found) if found else None) == seen


def test_a_key_of_a_project_that_moved_works_on_for_the_other_tenant(client: httpx.Client, team: Cast) -> None:
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    kept()
    move_project(project=team.project, to=team.globex, by=team.pat)

    def spent_there() -> bool:
        answer = client.post("/v1/chat/completions", json=ASKED)
        assert answer.status_code == 200, f"without a gap: {answer.text}"
        return Call.objects.filter(tenant=team.globex).exists()

    eventually(spent_there, within_s=4)
    assert Call.objects.order_by("started_at")[0].tenant == team.acme
