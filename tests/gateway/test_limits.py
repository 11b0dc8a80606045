"""Calls are held to the limits of their key, environment, project and tenant, together in every process."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from access.models import Grant
from catalog.models import Route
from tenants.keys import issue
from tenants.models import ApiKey, Environment
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, chunk, well_behaved
from tests.gateway.serving import Served
from usage.limits.places import of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}


def ask(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | more)


def in_force(client: httpx.Client, header: str, value: str | None) -> None:
    """The gateway keeps to what was set: seen by what it tells, with calls that count."""
    eventually(lambda: ask(client).headers.get(header) == value)


@pytest.fixture
def quiet(team: Cast, client: httpx.Client) -> httpx.Client:
    """A client whose gateway has answered once, so that what is set next is a change."""
    assert ask(client).status_code == 200
    return client


def test_it_works(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 3}, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    told = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert told == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"3"}
    refused = answers[-1].json()["error"]
    assert (refused["type"], refused["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert refused["message"].startswith(
        "The tenant Acme may have 3 requests a minute, and they are used up. Try again in "
    )
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 61
    assert "/tenants/acme/limits/" in answers[-1].headers["x-atrium-way-out"]
    kept(3)  # what was refused is no call


def test_the_smallest_limit_above_applies(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_key(ApiKey.objects.get()), amounts={"requests": 100}, by=team.dev)
    set_limits(place=of_environment(team.environment()), amounts={"requests": 2}, by=team.olivia)
    set_limits(place=of_project(team.project), amounts={"requests": 50}, by=team.olivia)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Development of" in answers[-1].json()["error"]["message"]


def test_the_limit_of_a_key_is_its_own(team: Cast, key: str, route: Route, front_with: Any) -> None:
    other = issue(environment=team.environment(), name="CI", by=team.dev).secret
    set_limits(place=of_key(ApiKey.objects.get(name="Laptop")), amounts={"requests": 1}, by=team.dev)
    with front_with(key) as client, front_with(other, client) as second:
        assert [ask(client).status_code for _ in range(2)] == [200, 429]
        assert [ask(second).status_code for _ in range(3)] == [200] * 3
        assert "the key “Laptop”".lower() in ask(client).json()["error"]["message"].lower()


def test_other_tenants_are_not_held(team: Cast, key: str, route: Route, front_with: Any) -> None:
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret
    set_limits(place=of_tenant(team.acme), amounts={"requests": 1, "tokens": 100, "concurrent": 1}, by=team.pat)
    with front_with(key) as client, front_with(other, client) as second:
        assert [ask(client).status_code for _ in range(2)] == [200, 429]
        answers = [ask(second) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert not [name for name in answers[0].headers if "ratelimit" in name]


def test_tokens_count_as_they_were_used(team: Cast, key: str, route: Route, front_with: Any) -> None:
    """A call is counted by what it may need, and at its end by the 16 tokens that it did."""
    set_limits(place=of_tenant(team.acme), amounts={"tokens": 50}, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client, max_tokens=30) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429], "16 and 16 are used: 34 do not fit"
        message = answers[-1].json()["error"]["message"]
        assert "50 tokens a minute, and 32 are used and this call may need 34" in message
        assert ask(client, max_tokens=5).status_code == 200
        assert ask(client, max_tokens=5).headers["x-ratelimit-limit-tokens"] == "50"


def test_a_call_larger_than_the_limit_is_told_so(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"tokens": 50}, by=team.pat)
    with front_with(key) as client:
        refused = ask(client, max_tokens=5000)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "tokens_over_limit")
    assert "retry-after" not in refused.headers


def test_calls_at_once(team: Cast, key: str, route: Route, provider: Provider, front_with: Any) -> None:
    may_end = threading.Event()

    async def slow(exchange: Exchange) -> None:
        while not may_end.is_set():
            await asyncio.sleep(0.01)
        await well_behaved(exchange)

    provider.behaves(slow)
    set_limits(place=of_environment(team.environment()), amounts={"concurrent": 2}, by=team.olivia)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        running = [pool.submit(ask, client) for _ in range(2)]
        eventually(lambda: len(provider.exchanges) == 2)
        refused = ask(client)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert "2 calls at once, and 2 are under way" in refused.json()["error"]["message"]
        may_end.set()
        assert [each.result().status_code for each in running] == [200, 200]
        assert ask(client).status_code == 200


def test_a_call_that_was_broken_off_no_longer_counts_as_under_way(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        while True:
            await exchange.event(chunk("word"))
            await asyncio.sleep(0.01)

    provider.behaves(endless)
    set_limits(place=of_tenant(team.acme), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client:
        for number in range(1, 4):
            with client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer:
                assert answer.status_code == 200
                next(answer.iter_bytes())
            kept_before = time.monotonic()
            eventually(lambda number=number: Call.objects.filter(outcome="cancelled").count() == number)
            assert time.monotonic() - kept_before < 2


def test_a_change_is_in_force_within_a_second(team: Cast, quiet: httpx.Client) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 1000}, by=team.pat)
    began = time.monotonic()
    in_force(quiet, "x-ratelimit-limit-requests", "1000")
    set_limits(place=of_tenant(team.acme), amounts={"requests": None}, by=team.pat)
    in_force(quiet, "x-ratelimit-limit-requests", None)
    assert time.monotonic() - began < 2


def test_the_unmodified_client_reads_the_refusal(team: Cast, key: str, route: Route, front: Served) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 1}, by=team.pat)
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key=key, max_retries=0) as sdk:
        eventually(lambda: _is_limited(sdk))


def _is_limited(sdk: openai.OpenAI) -> bool:
    try:
        sdk.chat.completions.create(model="echo-model", messages=[{"role": "user", "content": "Say something."}])
    except openai.RateLimitError as error:
        assert error.code == "rate_limit_exceeded"
        return True
    return False


def test_a_call_that_a_grant_does_not_allow_is_not_counted(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 2}, by=team.pat)
    with front_with(key) as client:
        for _ in range(5):
            assert ask(client, model="no-such-model").status_code == 404
        assert ask(client).headers["x-ratelimit-remaining-requests"] == "1"


def test_processes_keep_a_limit_together(
    team: Cast, key: str, route: Route, provider: Provider, killable: Killable
) -> None:
    """With 40 a minute and 120 calls at two processes, as many pass as one would let pass, but for what the two admit
    in the tenth of a second that a message takes; a third that begins then knows what the others counted."""
    set_limits(place=of_tenant(team.acme), amounts={"requests": 40}, by=team.pat)
    urls = [killable.start()[1] for _ in range(2)]
    headers = {"authorization": f"Bearer {key}"}
    statuses: list[int] = []
    with httpx.Client(headers=headers, timeout=20) as client:
        for number in range(120):
            statuses.append(client.post(f"{urls[number % 2]}/v1/chat/completions", json=ASKED).status_code)
        passed = statuses.count(200)
        assert set(statuses) == {200, 429}
        assert 40 <= passed <= 50, passed
        killable.processes[0].kill()
        _, third = killable.start()
        answers = []
        for _ in range(8):
            answers.append(client.post(f"{third}/v1/chat/completions", json=ASKED).status_code)
            time.sleep(0.05)
    assert answers[-3:] == [429] * 3, "it has asked the other for what counts"


def test_nothing_is_counted_where_nothing_is_set(client: httpx.Client, team: Cast) -> None:
    answer = ask(client)
    assert answer.status_code == 200 and not [name for name in answer.headers if "ratelimit" in name]
    assert Grant.objects.count() == 1
