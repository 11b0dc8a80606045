"""What a refusal tells a tenant: enough to do something, and nothing of what is others' or the platform's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx

from catalog import steering
from catalog.models import Deployment, Route
from tenants.changes import announce
from tests import cast as make
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually
from tests.gateway.provider import Exchange, Provider, well_behaved
from tests.gateway.routing import router
from tests.gateway.test_refusals import refused
from usage.capacity.setting import set_capacity
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_project, of_tenant

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}
COST = Decimal("0.000021")


def ask(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | more)


def test_of_its_own_budget_a_key_is_told_the_figures(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_environment(team.environment()), amount=COST * 2, is_hard=True, by=team.olivia)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "$0.000021 of $0.000042 are spent" in answers[-1].text


def test_of_the_whole_tenants_budget_whose_it_is(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=COST * 2, is_hard=True, by=team.pat)
    set_budget(place=of_project(team.project), amount=COST * 9, is_hard=True, by=team.olivia)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(2)]
    said = answers[-1].json()["error"]["message"]
    assert said.startswith("The tenant Acme may not spend more: too little of its budget is left")
    assert "who manages the tenant Acme can raise it" in said and "/tenants/acme/limits/" in said
    assert "$0.000042" not in said and "$0.000021" not in said


def test_a_fallback_that_is_full_is_told_as_busy(team: Cast, key: str, route: Route, front_with: Any) -> None:
    with Provider() as other:
        second = make.route("second", base_url=other.url, provider="second")
        allow(team.environment(), second)
        Route.objects.filter(pk=route.pk).update(fallback=second)
        steering.drain(deployment=Deployment.objects.get(targets__route=route), by=team.pat)
        set_capacity(subject=second, amounts={"concurrent": 1}, by=team.pat)
        with front_with(key) as client, ThreadPoolExecutor(1) as beside:
            assert ask(client).status_code == 200
            release = other_is_held(other)
            first = beside.submit(ask, client)
            eventually(lambda: len(other.exchanges) == 2)
            answer = ask(client)
            release.set()
            assert first.result().status_code == 200
    said = refused(answer, 429, "fallback_full")
    assert "its fallback “second” is busy" in said and "1 calls" not in said
    assert int(answer.headers["retry-after"]) >= 1


def other_is_held(provider: Provider) -> Any:
    """It answers once what is returned is set."""
    import asyncio
    import threading

    release = threading.Event()

    async def held(exchange: Exchange) -> None:
        await asyncio.to_thread(release.wait, 20)
        await well_behaved(exchange)

    provider.behaves(held, model="second")
    return release


def test_the_platform_is_not_told_what_a_caller_wrote(client: httpx.Client, route: Route) -> None:
    tool = {"type": "computer_zzsecretzz", "name": "x"}
    asked = {"model": "echo-model", "messages": HELLO, "max_tokens": 5, "tools": [tool]}
    answer = client.post("/v1/messages", json=asked, headers={"x-atrium-explain": "1"})
    assert answer.status_code == 400 and "zzsecretzz" in answer.text, "the caller is told"
    assert router().last and not any("zzsecretzz" in str(said) for _, _, said in router().last)
    announce("route")
