"""A key in an address is refused in the client's form; a real one is revoked for it, and its people are told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from audit.models import Entry
from catalog.models import Route
from gateway.leaked import MOST_TOKENS_AT_ONCE, LeakedKeys
from tenants import secrets, tokens
from tenants.archiving import archive_project
from tenants.models import ApiKey, Notification, PersonalToken
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


def test_a_personal_token_is_revoked_too_and_its_holder_told(team: Cast, client: httpx.Client, route: Route) -> None:
    token, secret = tokens.issue(user=team.ned, name="laptop", by=team.ned)
    refused = client.get("/v1/models", params={"q": secret}).json()["error"]
    assert refused["code"] == "key_in_address" and "If it is a personal token that works here" in refused["message"]
    eventually(lambda: PersonalToken.objects.get(pk=token.pk).revoked_at is not None, 5)
    told = Notification.objects.get(user=team.ned, title="Your token “laptop” has leaked and is revoked")
    assert "Seen: In the address of a request to /v1/models." in told.body and secret not in told.body


def test_few_made_up_tokens_are_looked_up_at_a_time(team: Cast) -> None:
    """Anybody can make up what has the checksum of one; keys that leak wait beside them."""
    leaked = LeakedKeys(lambda: None)
    made = [secrets.make("pat").text for _ in range(MOST_TOKENS_AT_ONCE + 1)]
    taken = [leaked.takes(each, "/v1/models", None, most=MOST_TOKENS_AT_ONCE) for each in made]
    assert taken == [True] * MOST_TOKENS_AT_ONCE + [False]
    assert leaked.takes(made[0], "/v1/models", None, most=MOST_TOKENS_AT_ONCE), "it waits already"
    assert leaked.takes(secrets.make("dev").text, "/v1/models", None)
    leaked.report()
    assert leaked.takes(made[-1], "/v1/models", None, most=MOST_TOKENS_AT_ONCE)


def test_what_is_not_revoked_is_not_said_to_be(team: Cast, client: httpx.Client, key: str, route: Route) -> None:
    said = client.get("/v1/models", params={"api_key": "sk-1"}).json()["error"]["message"]
    assert "revoked now" not in said and said.endswith("revoke it where it was issued, and issue a new one.")
    archive_project(project=team.project, by=team.olivia)
    eventually(lambda: client.get("/v1/models").status_code == 403, 5)
    assert "revoked now" not in client.get("/v1/models", params={"api_key": key}).json()["error"]["message"]
    assert ApiKey.objects.get().leaked_at is None


@pytest.mark.parametrize("query", ["a=" + "x" * 8_000, "&".join(f"a{n}=1" for n in range(51))])
def test_what_is_not_looked_through_is_refused(team: Cast, client: httpx.Client, key: str, query: str) -> None:
    answer = client.get(f"/v1/models?{query}&api_key={key}")
    assert (answer.status_code, answer.json()["error"]["code"]) in {(414, "address_too_long"), (400, "key_in_address")}
    assert client.get(f"/v1/models?{query}").status_code == 414


def test_a_key_without_a_name_is_found(team: Cast, client: httpx.Client, key: str) -> None:
    assert client.get(f"/v1/models?{key}").json()["error"]["code"] == "key_in_address"
    eventually(lambda: ApiKey.objects.get().leaked_at is not None, 5)


def test_other_parameters_are_nothing_to_us(client: httpx.Client, route: Route) -> None:
    assert client.get("/v1/models?limit=20&beta=true&keys=3").status_code == 200
