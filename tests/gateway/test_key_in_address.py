"""A key in an address is refused in the client's form; a real one is revoked for it, and its people are told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from audit.models import Entry
from catalog.models import Route
from tenants import secrets
from tenants.models import ApiKey, Notification
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


def test_it_works(team: Cast, client: httpx.Client, key: str) -> None:
    refused = client.post(f"/v1/chat/completions?api_key={key}", json=ASKED)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (400, "key_in_address", "invalid_request_error")
    assert error["message"].startswith("A key stands in the address (“?api_key=…”)") and key not in refused.text
    eventually(lambda: ApiKey.objects.get().leaked_at is not None, 5)
    held = ApiKey.objects.get()
    assert held.revoked_at is not None
    assert held.leaked_where == "In the address of a request to /v1/chat/completions"
    told = Notification.objects.filter(title__startswith="The key “Laptop” has leaked")
    assert told.filter(user=team.olivia).count() == 1
    eventually(lambda: client.post("/v1/chat/completions", json=ASKED).status_code == 401)


@pytest.mark.parametrize("name", ["key", "access_token", "Authorization", "apikey", "anything"])
def test_it_is_found_by_its_look_whatever_it_is_called(team: Cast, client: httpx.Client, key: str, name: str) -> None:
    answer = client.get("/v1/models", params={name: f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "key_in_address")
    eventually(lambda: ApiKey.objects.get().leaked_at is not None, 5)


def test_again_and_again_it_is_one_leak(team: Cast, client: httpx.Client, key: str) -> None:
    for _ in range(30):
        assert client.get("/v1/models", params={"key": key}).status_code == 400
    eventually(lambda: ApiKey.objects.get().leaked_at is not None, 5)
    assert client.get("/v1/models", params={"key": key}).status_code == 400
    assert Entry.objects.filter(verb="key.leaked").count() == 1
    assert Notification.objects.filter(user=team.olivia, title__startswith="The key “Laptop”").count() == 1


def test_a_wrong_key_is_refused_and_nobody_is_asked_about_it(team: Cast, client: httpx.Client, key: str) -> None:
    from gateway import runtime

    forged = f"{key[:-38]}{'A' * 32}"
    forged += secrets.checksum(forged)
    for value in ("sk-something", forged, "atrium_dev_short"):
        answer = client.get("/v1/models", params={"api_key": value})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "key_in_address")
    assert not any(held.leaked._seen for held in runtime._runtimes.values())
    assert client.get("/v1/models").status_code == 200 and ApiKey.objects.get().revoked_at is None


def test_anthropics_clients_are_told_in_their_form(client: httpx.Client) -> None:
    told = client.post("/v1/messages?api_key=sk-ant-1", json=ASKED).json()
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    assert told["error"]["details"]["error_code"] == "key_in_address"


def test_other_parameters_are_nothing_to_us(client: httpx.Client, route: Route) -> None:
    assert client.get("/v1/models?limit=20&beta=true&keys=3").status_code == 200
