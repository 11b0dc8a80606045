"""Where calls go: past what is dead, slow or refuses, by weight, by latency, in the regions that are allowed; and a
deployment that is drained."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from django.test import Client

from catalog import steering
from catalog.models import Deployment, Route, RouteTarget
from catalog.models import Provider as ProviderRow
from gateway import runtime, snapshot
from gateway.routing import breakers, telling
from tenants.changes import announce
from tests import cast as make
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import allow, eventually, kept
from tests.gateway.provider import Exchange, Provider, chunk, well_behaved
from tests.gateway.routing import (
    also_at,
    ask,
    breaker,
    counted,
    known,
    many,
    router,
    served_by,
    slowly,
    target,
)


@pytest.fixture
def other() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def quick_breakers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They try again soon, and processes tell each other often."""
    monkeypatch.setattr(breakers, "FIRST_WAIT_S", 0.5)
    monkeypatch.setattr(breakers, "LONGEST_WAIT_S", 0.5)
    monkeypatch.setattr(telling, "EVERY_S", 0.2)


def test_clients_see_no_error_while_one_lives_and_the_page_shows_why(
    quick_breakers: None, client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    """One is killed in the middle of it, one refuses, one is slow."""
    provider.behaves(slowly(0.05))
    other.behaves(answers(503, b"{}"), model="refusing-name")
    also_at(route, "refusing", other.url)
    with ExitStack() as life:
        killed = life.enter_context(Provider())
        also_at(route, "killed", killed.url)
        known(route, 3)
        first = many(client, 40, at_once=8)
        assert counted(first)["killed"] > 0
        killing = threading.Timer(0.3, life.close)
        killing.start()
        second = many(client, 160, at_once=8)
        killing.join()
    assert {answer.status_code for answer in first + second} == {200}
    assert all("data: [DONE]" in answer.text for answer in first + second if "data:" in answer.text)
    assert breaker(route, "killed") != "closed" and breaker(route, "refusing") != "closed"

    page = Client()
    page.force_login(team.pat)
    text = eventually(lambda: (said := page.get("/platform/routing/").content.decode()).count("Breaker open") and said)
    assert "failures: cannot be reached" in text and "failures: status 503" in text
    assert "killed-name at Killed: passed over: breaker open since" in text

    with Provider(killed.port) as back:
        eventually(lambda: ask(client) and breaker(route, "killed") == "closed", within_s=10)
        assert back.exchanges, "real calls have found out"
        assert breaker(route, "refusing") != "closed"
        eventually(lambda: served_by(ask(client)) == "killed", within_s=10)


def test_weights_hold(client: httpx.Client, provider: Provider, other: Provider, route: Route) -> None:
    """60 to 20 to nothing of 300 calls: within four standard deviations, which chance exceeds once in 16,000 times, and
    this seed does not."""
    RouteTarget.objects.filter(route=route).update(weight=60)
    also_at(route, "other", other.url, weight=20)
    also_at(route, "spare", other.url, weight=0)
    known(route, 3)
    router().random.seed(7)
    found = counted(many(client, 300, at_once=4))
    assert found.total() == 300
    deviation = (300 * 0.75 * 0.25) ** 0.5
    assert abs(found["echo"] - 225) < 4 * deviation and found["spare"] == 0


def test_weight_zero_is_asked_last_in_its_tier_and_before_the_next_one(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    also_at(route, "next", other.url, tier=2, weight=500)
    also_at(route, "spare", other.url, tier=1, weight=0)
    known(route, 3)
    assert served_by(ask(client)) == "spare"
    other.behaves(answers(500, b"{}"), model="spare-name")
    assert served_by(ask(client)) == "next"


def test_the_quickest_is_asked_where_the_policy_says_so(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    provider.behaves(slowly(0.4))
    also_at(route, "quick", other.url)
    known(route, 2)
    steering.steer(route=route, policy="latency", by=team.pat)
    eventually(lambda: _known_route(route).by_latency)
    found = counted([ask(client, stream=True) for _ in range(20)])
    assert found["echo"] == 1, "to learn how long it takes"
    assert found["quick"] == 19
    standing = router().standing(target(route, "echo"))
    assert standing.latency(is_streamed=True).last_s >= 0.4


def test_a_drained_deployment_gets_no_new_call_and_its_stream_goes_on(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    goes_on = threading.Event()

    async def until_told(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        await exchange.event(chunk("first"))
        while not goes_on.is_set():
            await asyncio.sleep(0.01)
        await exchange.event(chunk("last", finish="stop"))
        await exchange.event(b"[DONE]")
        await exchange.end()

    provider.behaves(until_told)
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    api = Client()
    api.force_login(team.pat)
    held = route.targets.get(deployment__provider__slug="echo").deployment_id
    asked = {"model": "echo-model", "messages": [{"role": "user", "content": "x"}], "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
        lines = answer.iter_lines()
        assert "first" in next(lines)
        said = api.post(f"/api/deployments/{held}/drain/", {}, "application/json").json()
        assert said.get("drained_at"), said
        eventually(lambda: target(route, "echo").is_drained)
        assert served_by(ask(client)) == "other"
        assert router().standing(target(route, "echo")).under_way == 1
        goes_on.set()
        rest = "".join(lines)
    assert "last" in rest and "[DONE]" in rest
    assert set(kept(2).values_list("outcome", flat=True)) == {"ok"}
    provider.behaves(well_behaved)
    assert api.post(f"/api/deployments/{held}/resume/", {}, "application/json").json()["drained_at"] is None
    eventually(lambda: served_by(ask(client)) == "echo", within_s=4)


def test_a_route_of_which_all_is_drained_says_so(
    client: httpx.Client, provider: Provider, route: Route, team: Cast
) -> None:
    known(route, 1)
    steering.drain(deployment=route.targets.get().deployment, by=team.pat)
    eventually(lambda: target(route, "echo").is_drained)
    answer = ask(client)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_deployment")
    assert "is drained" in answer.json()["error"]["message"] and not provider.exchanges


def test_only_regions_that_the_route_allows_are_asked(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    ProviderRow.objects.filter(slug="echo").update(region="us-east-1")
    also_at(route, "european", other.url, region="eu-central-1")
    also_at(route, "euphoric", other.url, region="europa")
    known(route, 3)
    steering.steer(route=route, regions=("EU",), by=team.pat)
    eventually(lambda: _known_route(route).regions == ("eu",))
    assert counted([ask(client) for _ in range(10)]) == {"european": 10}
    Deployment.objects.filter(provider__slug="european").update(region="")
    announce("route")
    eventually(lambda: not target(route, "european").region)
    answer = ask(client)
    assert answer.json()["error"]["code"] == "no_deployment"
    assert "computes in us-east-1" in answer.json()["error"]["message"]


def test_a_fallback_answers_in_the_regions_of_the_route_that_was_called(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    """What is called as answered in the EU alone never leaves it, though the fallback may be asked anywhere."""
    provider.behaves(answers(503, b"{}"))
    ProviderRow.objects.filter(slug="echo").update(region="eu-central-1")
    fallback = make.route("long-model", base_url=other.url, provider="other")
    ProviderRow.objects.filter(slug="other").update(region="us-east-1")
    allow(team.environment(), fallback)
    steering.steer(route=route, regions=("EU",), fallback="long-model", by=team.pat)
    eventually(lambda: _known_route(route).fallback == "long-model" and target(fallback, "other").region)
    for _ in range(8):  # also once its breaker is open
        assert ask(client).status_code != 200
    assert not other.exchanges
    assert ask(client, model="long-model").status_code == 200, "who calls it by its own name is answered anywhere"
    also_at(fallback, "european", other.url, region="eu-west-3")
    known(fallback, 2)
    assert counted([ask(client) for _ in range(6)]) == {"european": 6}
    steering.steer(route=route, regions=(), by=team.pat)
    steering.steer(route=fallback, regions=("us",), by=team.pat)
    eventually(lambda: not _known_route(route).regions and _known_route(fallback).regions)
    assert counted([ask(client) for _ in range(6)]) == {"other": 6}, "the fallback's own hold too"


def _known_route(route: Route) -> snapshot.Route:
    held = runtime.current_snapshot()
    assert held is not None
    return held.routes[route.slug]
