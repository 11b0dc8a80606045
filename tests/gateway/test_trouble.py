"""Clients that leave, a database that goes away, a model server that restarts: nothing is lost, nothing hangs."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from catalog.models import Provider as ProviderRow
from gateway import delivery, freshness, runtime
from tenants.changes import announce
from tenants.models import ApiKey, ChangeNote
from tests.cast import Cast
from tests.database import as_owner
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Exchange, Provider, chunk
from tests.gateway.serving import Served
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


async def words_for_ever(exchange: Exchange) -> None:
    await exchange.head(kind="text/event-stream")
    while True:
        await exchange.event(chunk(" word"))
        await asyncio.sleep(0.01)


def test_a_client_that_leaves_stops_the_provider_and_pays_for_what_was_used(
    client: httpx.Client, provider: Provider
) -> None:
    provider.behaves(words_for_ever)
    with client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer:
        for seen, _ in enumerate(answer.iter_lines()):
            if seen > 20:
                break
    assert provider.exchanges[0].was_broken_off.wait(1)
    call = kept().get()
    assert (call.outcome, call.status, call.usage_source) == ("cancelled", 200, "counted")
    assert call.output_tokens >= 10 and call.cost is not None and call.cost > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_answer_stops_the_provider(
    front: Served, key: str, provider: Provider, stream: bool
) -> None:
    async def thinks(exchange: Exchange) -> None:
        await asyncio.sleep(30)

    provider.behaves(thinks)
    body = json.dumps(ASKED | {"stream": stream})
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        client.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        eventually(lambda: provider.exchanges)
    assert provider.exchanges[0].was_broken_off.wait(1)
    call = kept().get()
    assert (call.outcome, call.status, call.output_tokens) == ("cancelled", 499, 0)
    assert call.input_tokens > 0, "the provider had the prompt"


def test_a_slow_reader_does_not_make_the_gateway_hoard(front: Served, key: str, provider: Provider) -> None:
    sent = 0

    async def fast(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head(kind="text/event-stream")
        for _ in range(3000):
            await exchange.event(chunk("x" * 10_000))
            sent += 1

    provider.behaves(fast)
    body = json.dumps(ASKED | {"stream": True})
    with socket.create_connection(("127.0.0.1", front.port)) as slow:
        slow.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        assert slow.recv(100)
        time.sleep(1)
        before = sent
        time.sleep(0.5)
        assert sent == before < 2900, "the provider was asked to wait"
    kept(within_s=4)


def test_a_stopped_server_settles_what_runs(front: Served, client: httpx.Client, provider: Provider) -> None:
    provider.behaves(words_for_ever)
    with client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer:
        lines = answer.iter_lines()  # kept: the connection is closed with it
        next(lines)
        held = runtime._runtimes[front.loop]
        ended = asyncio.run_coroutine_threadsafe(held.close(), front.loop)
        started = time.monotonic()
        ended.result(10)
        assert time.monotonic() - started < 6
    call = kept().get()
    assert (call.outcome, call.error_code) == ("interrupted", "shutting_down")
    assert call.output_tokens > 0


def break_connections_of_the_database() -> None:
    """End every session of the gateway, as a restart of Postgres does."""
    with as_owner() as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atrium gateway'"
        )


def test_the_snapshot_is_followed_again_after_the_database_was_away(
    client: httpx.Client, front: Served, team: Cast
) -> None:
    eventually(lambda: client.get("/v1/models").status_code == 200)
    break_connections_of_the_database()
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200, "served from the last snapshot"
    from tenants.keys import revoke

    revoke(key=ApiKey.objects.get(), by=team.olivia)
    eventually(lambda: client.get("/v1/models").status_code == 401, within_s=2)


class Unreadable:
    """What the gateway reads cannot be understood, which is no error of a database; `mend` ends it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(freshness, "LONGEST_BACK_OFF_S", 0.3)
        self._patch, self._load, self._refresh = monkeypatch, freshness.load, freshness.refresh

    def begin(self) -> None:
        async def load(*_: Any) -> None:
            raise LookupError("unknown encoding")

        self._patch.setattr(freshness, "load", load)
        self._patch.setattr(freshness, "refresh", load)

    def mend(self) -> None:
        self._patch.setattr(freshness, "load", self._load)
        self._patch.setattr(freshness, "refresh", self._refresh)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Unreadable:
    return Unreadable(monkeypatch)


@pytest.fixture
def unreadable_at_first(unreadable: Unreadable) -> Unreadable:
    unreadable.begin()
    return unreadable


def test_a_snapshot_that_cannot_be_read_is_told_and_read_again(
    client: httpx.Client, front: Served, team: Cast, unreadable: Unreadable
) -> None:
    eventually(lambda: client.get("/v1/models").status_code == 200)
    unreadable.begin()
    announce("key")
    facts = eventually(lambda: (f := facts_of(front))["serving_from_last_snapshot_since"] and f)
    assert facts["snapshot_trouble"] == "LookupError"
    assert "atrium_snapshot_stale 1.0" in client.get("/metrics").text
    assert client.post("/v1/chat/completions", json=ASKED).status_code == 200, "served from the last snapshot"
    from tenants.keys import revoke

    revoke(key=ApiKey.objects.get(), by=team.olivia)
    unreadable.mend()
    eventually(lambda: client.get("/v1/models").status_code == 401)
    facts = facts_of(front)
    assert (facts["serving_from_last_snapshot_since"], facts["snapshot_trouble"]) == (None, "")
    assert "atrium_snapshot_stale 0.0" in client.get("/metrics").text


def test_a_gateway_whose_first_reading_fails_says_so_and_starts_later(
    unreadable_at_first: Unreadable, client: httpx.Client
) -> None:
    answer = client.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "gateway_starting")
    unreadable_at_first.mend()
    eventually(lambda: client.get("/v1/models").status_code == 200)


def test_calls_are_delivered_after_a_failure_that_nobody_expects(
    client: httpx.Client, front: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: client.get("/v1/models").status_code == 200)

    def broken(*_: Any) -> None:
        raise LookupError("unknown encoding")

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "write_rows", broken)
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
        time.sleep(0.5)
        assert facts_of(front)["calls_waiting_for_the_ledger"] == 1
    kept(within_s=5)


def facts_of(front: Served) -> dict[str, Any]:
    return dict(httpx.get(f"{front.url}/readyz").json()["gateway"])


def test_a_missed_notification_is_found(
    client: httpx.Client, front: Served, monkeypatch: pytest.MonkeyPatch, team: Cast
) -> None:
    monkeypatch.setattr(freshness, "LOOK_EVERY_S", 0.5)
    announce("key")  # so that it is awake and takes the new pace
    eventually(lambda: client.get("/v1/models").status_code == 200)
    ApiKey.objects.update(revoked_at=timezone.now())
    ChangeNote.objects.create(kind="key", row_key=str(ApiKey.objects.get().pk))  # noted, and nobody notified
    eventually(lambda: client.get("/v1/models").status_code == 401, within_s=5)


def test_what_was_changed_by_hand_is_found(
    client: httpx.Client, front: Served, monkeypatch: pytest.MonkeyPatch, team: Cast
) -> None:
    monkeypatch.setattr(freshness, "LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(freshness, "RELOAD_EVERY_S", 0.5)
    announce("key")  # so that it is awake and takes the new pace
    eventually(lambda: client.get("/v1/models").status_code == 200)
    ApiKey.objects.update(name="Renamed by hand")  # nobody announces it
    eventually(
        lambda: client.post("/v1/chat/completions", json=ASKED) and Call.objects.filter(key_name="Renamed by hand"),
        within_s=5,
    )


def test_with_the_database_gone_calls_go_on_and_are_delivered_later(
    client: httpx.Client, front: Served, provider: Provider
) -> None:
    """The ledger's table is locked away, which for the gateway is a database that does not answer."""
    eventually(lambda: client.get("/v1/models").status_code == 200)
    with psycopg.connect(**_address()) as elsewhere:
        elsewhere.execute("LOCK TABLE usage_call IN ACCESS EXCLUSIVE MODE")
        for _ in range(30):
            assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
        facts = httpx.get(f"{front.url}/readyz", headers={"host": "127.0.0.1"}).json()["gateway"]
        assert facts["calls_waiting_for_the_ledger"] == 30 and facts["snapshot_version"] >= 1
        elsewhere.rollback()
    kept(30)
    eventually(lambda: httpx.get(f"{front.url}/readyz").json()["gateway"]["calls_waiting_for_the_ledger"] == 0)


def _address() -> dict[str, Any]:
    held = connection.settings_dict
    return {
        "dbname": held["NAME"], "user": held["USER"], "host": held["HOST"] or held["OPTIONS"].get("host"),
        "password": held["PASSWORD"] or None, "port": held["PORT"] or None,
    }  # fmt: skip


def becomes_the_local_model() -> None:
    """The provider is the local one, and the gateway knows it."""
    ProviderRow.objects.update(dialect="local", base_url="")
    announce("provider")

    def is_known() -> bool:
        held = runtime.current_snapshot()
        targets = [target for route in held.routes.values() for target in route.targets] if held else []
        return bool(targets) and all(target.dialect == "local" for target in targets)

    eventually(is_known, within_s=10)


def test_a_call_waits_while_the_local_model_server_restarts(
    client: httpx.Client, provider: Provider, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "models.url"
    settings.LOCAL_MODEL_URL_FILE = file
    becomes_the_local_model()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        file.write_text(f"http://127.0.0.1:{closed.getsockname()[1]}/v1\n")  # where it was before

    async def still_loads(exchange: Exchange) -> None:
        if len(provider.exchanges) < 3:
            await exchange.whole(503, b'{"error": {"message": "Loading model"}}')
            return
        await exchange.whole(200, json.dumps({"choices": [{"message": {"content": "here"}}]}).encode())

    provider.behaves(still_loads)

    async def ask() -> httpx.Response:
        headers = dict(client.headers)
        async with httpx.AsyncClient(base_url=client.base_url, headers=headers, timeout=20) as asking:
            asked = asyncio.create_task(asking.post("/v1/chat/completions", json=ASKED))
            await asyncio.sleep(0.6)
            file.write_text(f"{provider.url}\n")
            return await asked

    answer = asyncio.run(ask())
    assert answer.json()["choices"][0]["message"]["content"] == "here"
    assert kept().get().outcome == "ok"


def test_a_local_model_server_that_never_comes_is_given_up(
    client: httpx.Client, settings: Settings, tmp_path: Path
) -> None:
    settings.LOCAL_MODEL_URL_FILE, settings.LOCAL_MODEL_PATIENCE_S = tmp_path / "missing", 0.5
    becomes_the_local_model()
    answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_unreachable")
    assert "has not started yet" in answer.json()["error"]["message"]
