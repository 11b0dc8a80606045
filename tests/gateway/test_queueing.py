"""A deployment that is full: another one of the route is asked, and where all are full calls wait in a fair order."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from catalog.models import Deployment, Route
from tenants.keys import issue
from tenants.models import Environment
from tests.cast import Cast
from tests.gateway.behaviours import deployments, second_target
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.provider import Behaviour, Exchange, Provider, well_behaved
from usage.capacity.setting import set_capacity
from usage.limits.places import of_tenant
from usage.limits.setting import set_limits
from usage.limits.weighing import set_weight
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}


def ask(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED, headers={k.replace("_", "-"): v for k, v in headers.items()})


class Gate:
    """A provider's behaviour: each answer waits until it is let through, and is as `then` has it."""

    def __init__(self, provider: Provider, then: Behaviour = well_behaved, *, model: str = "echo-model") -> None:
        self._then = then
        self._allowed = threading.Semaphore(0)
        self.provider = provider
        provider.behaves(self, model=model)

    async def __call__(self, exchange: Exchange) -> None:
        while not self._allowed.acquire(blocking=False):
            await asyncio.sleep(0.005)
        await self._then(exchange)

    def lets(self, number: int) -> None:
        self._allowed.release(number)

    def arrived(self, number: int) -> None:
        eventually(lambda: len(self.provider.exchanges) == number, 5)


@pytest.fixture
def gate(provider: Provider) -> Iterator[Gate]:
    made = Gate(provider)
    yield made
    made.lets(1000)


def only(route: Route) -> Deployment:
    return route.targets.get().deployment


def waiting() -> int:
    from gateway import runtime

    return sum(len(held.room) for held in runtime._runtimes.values())


def test_it_works(team: Cast, key: str, route: Route, gate: Gate, front_with: Any) -> None:
    """One at a time: the second waits for the first and is answered, with its waiting told."""
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        second = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        time.sleep(0.3)
        assert len(gate.provider.exchanges) == 1, "it is not sent while the first is under way"
        gate.lets(2)
        assert [each.result().status_code for each in (first, second)] == [200, 200]
    waited = [call.waited_ms for call in kept(2)]
    assert waited[0] is None and waited[1] is not None and waited[1] >= 250


def test_another_deployment_is_asked_before_anybody_waits(
    team: Cast, key: str, route: Route, gate: Gate, provider: Provider, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    second_target(route, provider, first_url=provider.url)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        assert deployments(route) == 2
        answer = ask(client)
        assert (answer.status_code, answer.headers["x-atrium-deployment"]) == (200, "other/other-name")
        gate.lets(1)
        assert first.result().headers["x-atrium-deployment"] == "echo/echo-model"


def test_a_quiet_tenant_does_not_stand_behind_a_noisy_one(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, front_with(other, client) as quiet, ThreadPoolExecutor(12) as pool:
        noisy = [pool.submit(ask, client) for _ in range(10)]
        gate.arrived(1)
        eventually(lambda: waiting() == 9)
        mine = pool.submit(ask, quiet)
        eventually(lambda: waiting() == 10)
        gate.lets(3)
        assert mine.result(5).status_code == 200, "third at the latest: one was under way, one was next"
        assert sum(each.done() for each in noisy) <= 2
        gate.lets(20)
        assert {each.result().status_code for each in noisy} == {200}


def test_a_weight_is_a_share(team: Cast, key: str, route: Route, gate: Gate, front_with: Any) -> None:
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    set_weight(tenant=team.globex, weight=4, by=team.pat)
    with front_with(key) as client, front_with(other, client) as heavy, ThreadPoolExecutor(25) as pool:
        light = [pool.submit(ask, client) for _ in range(12)]
        gate.arrived(1)
        eventually(lambda: waiting() == 11)
        weighty = [pool.submit(ask, heavy) for _ in range(12)]
        eventually(lambda: waiting() == 23)
        gate.lets(11)
        eventually(lambda: sum(each.done() for each in (*light, *weighty)) == 11)
        assert 7 <= sum(each.done() for each in weighty) <= 9, "four of five, but for the one under way"
        gate.lets(100)


def test_who_waits_too_long_is_told_where_it_stood(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        refused = ask(client, x_atrium_max_wait="0.3")
        at_once = ask(client, x_atrium_max_wait="0")
        wrong = ask(client, x_atrium_max_wait="soon")
        gate.lets(1)
        assert first.result().status_code == 200
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (429, "waited_too_long", "rate_limit_error")
    assert "“echo-model” is busy: what it takes of all tenants together is used." in error["message"]
    assert "Echo takes" not in error["message"] and "1 calls" not in error["message"], "what was bought is nobody's"
    assert "It is number 1 in turn" in error["message"] and int(refused.headers["retry-after"]) >= 1
    assert "x-atrium-way-out" not in refused.headers, "nobody can ask for more of it"
    assert (at_once.status_code, at_once.json()["error"]["code"]) == (429, "waited_too_long")
    assert (wrong.status_code, "x-atrium-max-wait" in wrong.json()["error"]["message"]) == (400, True)
    kept(1)  # who never reached a provider is in no ledger


def test_a_queue_is_bounded(team: Cast, key: str, route: Route, gate: Gate, front_with: Any, settings: Any) -> None:
    settings.GATEWAY_QUEUE_LENGTHS = (1, 5)
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        running = [pool.submit(ask, client)]
        gate.arrived(1)
        running.append(pool.submit(ask, client))
        eventually(lambda: waiting() == 1)
        refused = ask(client)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
        assert "It is number 2 in turn" in refused.json()["error"]["message"]
        gate.lets(2)
        assert [each.result().status_code for each in running] == [200, 200]


def test_who_leaves_is_out_of_the_queue_at_once_and_costs_nothing(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/chat/completions", json=ASKED, timeout=0.3)
        eventually(lambda: waiting() == 0)
        gate.lets(1)
        assert first.result().status_code == 200
        gate.lets(1)
        assert ask(client).status_code == 200
    kept(2)
    assert len(gate.provider.exchanges) == 2


def test_stopping_tells_who_waits(team: Cast, key: str, route: Route, gate: Gate, front_with: Any) -> None:
    from gateway import runtime

    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        second = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        (loop, held) = next((loop, held) for loop, held in runtime._runtimes.items() if len(held.room))
        loop.call_soon_threadsafe(held.begin_to_end)
        told = second.result(2)
        assert (told.status_code, told.json()["error"]["code"]) == (503, "shutting_down")
        gate.lets(1)
        assert first.result().status_code == 200


def test_room_that_comes_with_time_or_with_a_change_is_found(
    team: Cast, key: str, route: Route, front_with: Any
) -> None:
    """A minute's requests are used up; the platform allows more, and who waits goes on."""
    set_capacity(subject=only(route), amounts={"requests": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(1) as pool:
        assert ask(client).status_code == 200
        refused = ask(client, x_atrium_max_wait="0")
        assert refused.status_code == 429 and 50 <= int(refused.headers["retry-after"]) <= 61
        second = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        set_capacity(subject=only(route), amounts={"requests": 100}, by=team.pat)
        assert second.result(5).status_code == 200
    kept(2)


def test_a_call_larger_than_any_deployment_takes_is_told_so(
    team: Cast, key: str, route: Route, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"output_tokens": 3}, by=team.pat)
    with front_with(key) as client:
        refused = ask(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "tokens_over_limit")
    said = refused.json()["error"]["message"]
    assert "5 output tokens, and that is more than echo-model at Echo takes in a minute" in said
    assert "x-atrium-way-out" not in refused.headers


def test_a_routes_limit_refuses_and_says_whose_it_is(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_capacity(subject=route, amounts={"requests": 2}, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    refused = answers[-1]
    assert re.fullmatch(
        r"What the route echo-model takes of all tenants together is used up\. Try again in \d+ s\.",
        refused.json()["error"]["message"],
    ), "neither how much it is nor what others use"
    assert not [name for each in answers for name in each.headers if "ratelimit" in name]
    assert "x-atrium-way-out" not in refused.headers, "nobody can ask for more of it"
    assert 50 <= int(refused.headers["retry-after"]) <= 61


def test_what_a_route_takes_at_once_is_told_to_no_tenant(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    """Nor when a tenant's own limits are told beside it."""
    set_capacity(subject=route, amounts={"concurrent": 1, "output_tokens": 7}, by=team.pat)
    set_limits(place=of_tenant(team.acme), amounts={"requests": 10}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        refused = ask(client)
        larger = client.post("/v1/chat/completions", json=ASKED | {"max_tokens": 8})
        gate.lets(1)
        assert first.result().status_code == 200
    said = refused.json()["error"]["message"]
    assert said == "What the route echo-model takes of all tenants together is used up. Try again in 1 s."
    assert (larger.status_code, "7" in larger.json()["error"]["message"]) == (400, False)
    assert {name for name in refused.headers if "ratelimit" in name} == {
        f"x-ratelimit-{each}-requests" for each in ("limit", "remaining", "reset")
    }
    assert "x-atrium-way-out" not in refused.headers


def test_a_call_that_fails_gives_its_room_back(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    async def fails(exchange: Exchange) -> None:
        await exchange.whole(500, b"{}")

    provider.behaves(fails)
    set_capacity(subject=only(route), amounts={"concurrent": 1, "tokens": 100}, by=team.pat)
    with front_with(key) as client:
        for _ in range(8):
            assert ask(client, x_atrium_max_wait="0").status_code == 502, "its tokens are given back too"
        provider.behaves(well_behaved)
        assert ask(client, x_atrium_max_wait="0").status_code == 200
    assert Call.objects.filter(outcome="ok").count() <= 1
