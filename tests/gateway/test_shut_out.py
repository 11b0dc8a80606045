"""Who is shut out makes no more calls, and those under way end, within a second."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from catalog.models import Route
from gateway.caller import Caller
from gateway.calls import open_call
from gateway.runtime import runtime
from tenants import archiving, keys
from tenants.activation import activate, deactivate
from tenants.key_holder import hand_over
from tenants.memberships import remove_member
from tenants.models import ApiKey, Membership
from tenants.service_accounts import create, switch
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Exchange, Provider, chunk
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


async def endless(exchange: Exchange) -> None:
    await exchange.head(kind="text/event-stream")
    for _ in range(3000):
        await exchange.event(chunk("word "))
        await asyncio.sleep(0.01)


def status(client: httpx.Client) -> int:
    return client.post("/v1/chat/completions", json=ASKED).status_code


def code(client: httpx.Client) -> str:
    return str(client.post("/v1/chat/completions", json=ASKED).json()["error"]["code"])


def test_a_key_opens_nothing_while_its_holder_is_switched_off(team: Cast, client: httpx.Client) -> None:
    assert status(client) == 200
    deactivate(user=team.dev, by=team.pat)
    eventually(lambda: status(client) == 401, within_s=1.0)
    assert code(client) == "api_key_without_holder"
    activate(user=team.dev, by=team.pat)
    eventually(lambda: status(client) == 200, within_s=1.0)


def test_nor_when_they_are_no_member_until_it_is_handed_over(team: Cast, client: httpx.Client) -> None:
    assert status(client) == 200
    remove_member(membership=Membership.objects.get(tenant=team.acme, user=team.dev), by=team.olivia)
    eventually(lambda: status(client) == 401, within_s=1.0)
    batch = create(tenant=team.acme, name="batch", by=team.olivia)
    hand_over(key=ApiKey.objects.get(), to=batch, by=team.olivia)
    eventually(lambda: status(client) == 200, within_s=1.0)
    switch(account=batch, on=False, by=team.olivia)
    eventually(lambda: status(client) == 401, within_s=1.0)


ENDINGS: dict[str, tuple[Callable[[Cast], Any], str]] = {
    "the holder is switched off": (lambda team: deactivate(user=team.dev, by=team.pat), "api_key_without_holder"),
    "the key is revoked": (lambda team: keys.revoke(key=ApiKey.objects.get(), by=team.olivia), "revoked_api_key"),
    "the project is archived": (
        lambda team: archiving.archive_project(project=team.project, by=team.olivia),
        "environment_archived",
    ),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_a_running_stream_ends_and_is_told_why(team: Cast, client: httpx.Client, provider: Provider, what: str) -> None:
    provider.behaves(endless)
    happens, reason = ENDINGS[what]
    events: list[dict[str, Any]] = []
    began = ended = 0.0
    with client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
            if len(events) == 10 and not began:
                happens(team)
                began = time.monotonic()
    ended = time.monotonic()
    assert ended - began < 1.0
    assert events[-1]["error"]["code"] == reason
    call = kept().get()
    assert (call.outcome, call.error_code) == ("interrupted", reason)
    assert call.output_tokens >= 9 and call.cost and call.cost > 0, "what was answered so far is accounted for"
    assert eventually(lambda: provider.exchanges[0].was_broken_off.is_set())


def test_other_streams_go_on(team: Cast, client: httpx.Client, provider: Provider) -> None:
    provider.behaves(endless)
    with client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        deactivate(user=team.vera, by=team.pat)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            next(lines)
    assert eventually(lambda: Call.objects.exists())
    assert Call.objects.get().outcome == "cancelled"


def test_a_playground_run_of_somebody_switched_off_ends(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    provider.behaves(endless)
    here = team.environment()
    caller = Caller(here.tenant_id, here.project_id, here.pk, here.path, "playground", user_id=team.dev.pk)

    async def go() -> tuple[int, float]:
        call = await open_call(caller, ASKED, request_id="x")
        seen = 0
        async for _ in call:
            seen += 1
            if seen == 10:
                await asyncio.get_running_loop().run_in_executor(None, _switch_off)
                began = time.monotonic()
        assert call.summary is not None and call.summary.error_code == "account_inactive"
        await (await runtime()).close()
        return seen, time.monotonic() - began

    def _switch_off() -> None:
        from django.db import connection

        from tenants.scope import everything

        with everything("a test"):
            deactivate(user=team.dev, by=team.pat)
        connection.close()

    seen, took_s = asyncio.run(go())
    assert seen >= 10 and took_s < 3.0
