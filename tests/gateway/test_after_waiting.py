"""Who has waited for room is sent by what is known and allowed by then, and not by what was true when it came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from access.models import Grant
from catalog.models import Deployment, Route, RouteTarget
from catalog.models import Provider as ProviderRow
from gateway import failures, overflow, runtime
from gateway.asked import Asked
from gateway.costing import prompt_tokens
from gateway.counting import Template
from gateway.routing import retry_budget
from tenants.changes import announce
from tenants.credentials import encrypt
from tenants.keys import issue
from tenants.models import Environment
from tests import cast as make
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.provider import Provider
from tests.gateway.routing import also_at, known, router, served_by, target
from tests.gateway.test_going_elsewhere import TOO_LONG
from tests.gateway.test_queueing import Gate, ask, only, waiting
from usage.capacity.setting import set_capacity


@pytest.fixture
def gate(provider: Provider) -> Iterator[Gate]:
    made = Gate(provider)
    yield made
    made.lets(1000)


@pytest.fixture
def other() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@contextmanager
def one_at_it(
    client: httpx.Client, gate: Gate, others: int, *, ask: Callable[[httpx.Client], httpx.Response] = ask
) -> Iterator[tuple[Future[Any], list[Future[Any]]]]:
    """One call is at the provider, so many others wait."""
    with ThreadPoolExecutor(others + 1) as pool, ExitStack() as ends:
        ends.callback(gate.lets, 1000)
        first = pool.submit(ask, client)
        gate.arrived(1)
        rest = [pool.submit(ask, client) for _ in range(others)]
        eventually(lambda: waiting() == others, 5)
        yield first, rest


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def in_force(holds: Callable[[Any], bool]) -> None:
    """Wait until that holds of the snapshot."""
    eventually(lambda: (held := runtime.current_snapshot()) is not None and holds(held), 5)


def test_it_works(team: Cast, key: str, route: Route, provider: Provider, front_with: Any) -> None:
    """Six calls, one at a time, and the provider asks for a minute: it is asked once, and all are told when."""
    gate = Gate(provider, then=answers(429, b"{}", extra="retry-after: 60\r\n"))
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, one_at_it(client, gate, 5) as (first, rest):
        gate.lets(1)
        for each in (first, *rest):
            answer = each.result(5)
            assert told(answer) == (429, "provider_busy") and 50 <= int(answer.headers["retry-after"]) <= 60
    assert len(provider.exchanges) == 1


def test_a_pause_ends_the_waiting_also_for_a_minutes_requests(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    """No seat comes free by it, so who waits has to be told."""
    set_capacity(subject=only(route), amounts={"requests": 2}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(3) as pool:
        running = [pool.submit(ask, client) for _ in range(2)]
        gate.arrived(2)
        third = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        pauses(route)
        assert told(third.result(3)) == (429, "provider_busy")
        gate.lets(10)
        assert {each.result(5).status_code for each in running} == {200}


def pauses(route: Route) -> None:
    """As if the deployment had asked to be left alone."""
    (loop,) = [loop for loop in runtime._runtimes if loop.is_running()]
    held, at = router(), target(route, "echo")

    def tell() -> None:
        busy = failures.ProviderBusy("Busy.", retry_after_s=60)
        held.standing(at).failed(busy, held.now(), was_probe=False)
        held.on_failed(at.deployment_id)

    loop.call_soon_threadsafe(tell)


def test_a_drained_deployment_gets_nobody_who_waited(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, one_at_it(client, gate, 3) as (first, rest):
        Deployment.objects.update(drained_at=dt.datetime.now(dt.UTC))
        announce("route")
        assert [told(each.result(5)) for each in rest] == [(503, "no_deployment")] * 3
        gate.lets(1)
        assert first.result(5).status_code == 200
    assert len(gate.provider.exchanges) == 1


def test_who_waits_for_several_goes_on_waiting_for_the_rest(
    team: Cast, key: str, route: Route, gate: Gate, other: Provider, front_with: Any
) -> None:
    second = Gate(other)
    other.behaves(second, model="other-name")
    at_other = also_at(route, "other", other.url, tier=2)
    for each in (Deployment.objects.get(provider__slug="echo"), at_other):
        set_capacity(subject=each, amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(3) as pool, ExitStack() as ends:
        ends.callback(gate.lets, 1000)
        ends.callback(second.lets, 1000)
        known(route, 2)
        running = [pool.submit(ask, client)]
        gate.arrived(1)
        running.append(pool.submit(ask, client))
        second.arrived(1)
        third = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        Deployment.objects.filter(provider__slug="echo").update(drained_at=dt.datetime.now(dt.UTC))
        announce("route")
        in_force(lambda held: any(each.is_drained for each in held.routes[route.slug].targets))
        gate.lets(1)
        assert running[0].result(5).status_code == 200
        assert waiting() == 1 and not third.done()
        second.lets(2)
        assert served_by(third.result(5)) == "other"


def test_a_withdrawn_grant_lets_nobody_through_who_waited(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, one_at_it(client, gate, 2) as (first, rest):
        Grant.objects.all().delete()
        announce("grant")
        assert [told(each.result(5)) for each in rest] == [(403, "access_required")] * 2
        gate.lets(1)
        assert first.result(5).status_code == 200
    kept(1)


@pytest.mark.parametrize(
    ("at_first", "then", "sent"),
    [
        ({}, {"max_output_tokens": 100}, 100),
        ({"max_output_tokens": 100}, {"max_output_tokens": 50}, 50),
        ({"max_output_tokens": 100}, {"max_output_tokens": 1000}, 100),  # for which it has reserved
        ({"max_output_tokens": 100}, {}, 100),
    ],
)
def test_what_the_grant_demands_by_then_is_what_is_sent(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any, at_first: Any, then: Any, sent: int
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    Grant.objects.update(conditions=at_first)
    with front_with(key) as client, one_at_it(client, gate, 1, ask=unbounded) as (first, rest):
        Grant.objects.update(conditions=then)
        announce("grant", team.environment().pk)
        in_force(lambda held: conditions_in(held, team) == then)
        gate.lets(2)
        answers = [each.result(5) for each in (first, *rest)]
        assert [each.status_code for each in answers] == [200, 200], answers[-1].text
    assert [each.body.get("max_tokens") for each in gate.provider.exchanges] == [
        at_first.get("max_output_tokens"),
        sent,
    ]


def test_a_prompt_is_counted_once_however_often_it_is_looked_at_again(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting takes milliseconds, and thousands may wait when the snapshot changes."""
    counted: list[int] = []

    def counts(asked: Asked, template: Template, *, is_rough: bool = False) -> int:
        counted.append(0 if is_rough else 1)
        return prompt_tokens(asked, template, is_rough=is_rough)

    def of_some_length(client: httpx.Client) -> httpx.Response:
        said = [{"role": "user", "content": "word " * 100}]
        return client.post("/v1/chat/completions", json={"model": "echo-model", "messages": said})

    monkeypatch.setattr(overflow, "prompt_tokens", counts)
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    Grant.objects.update(conditions={"max_input_tokens": 150})
    with front_with(key) as client, one_at_it(client, gate, 2, ask=of_some_length) as (first, rest):
        for most in (149, 148, 147):
            Grant.objects.update(conditions={"max_input_tokens": most})
            announce("grant", team.environment().pk)
            in_force(lambda held, most=most: conditions_in(held, team) == {"max_input_tokens": most})
        gate.lets(3)
        assert [each.result(5).status_code for each in (first, *rest)] == [200] * 3
    assert sum(counted) == 3, "one time for each of three calls"


def unbounded(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})


def conditions_in(held: Any, team: Cast) -> Any:
    found = held.grants[team.environment().pk]["echo-model"].conditions
    return {} if found is None else found.as_json()


def test_a_changed_credential_is_the_one_that_is_sent(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, one_at_it(client, gate, 1) as (first, rest):
        ProviderRow.objects.filter(slug="echo").update(credential=encrypt("sk-new"))
        announce("route")
        in_force(lambda held: held.routes[route.slug].targets[0].credential == "sk-new")
        gate.lets(2)
        assert [each.result(5).status_code for each in (first, *rest)] == [200, 200]
    assert gate.provider.exchanges[1].headers["authorization"] == "Bearer sk-new"


def test_a_seat_that_was_not_used_counts_nothing(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any
) -> None:
    """Two of three requests of a minute remain after four that waited were sent away."""
    set_capacity(subject=only(route), amounts={"concurrent": 1, "requests": 3, "tokens": 1000}, by=team.pat)
    with front_with(key) as client, one_at_it(client, gate, 4) as (first, rest):
        pauses(route)
        assert {told(each.result(5)) for each in rest} == {(429, "provider_busy")}
        gate.lets(1)
        assert first.result(5).status_code == 200
        (held,) = [each for loop, each in runtime._runtimes.items() if loop.is_running()]
        place = only(route).pk
        eventually(lambda: held.rates.running(place) == 0)
        assert held.rates.used(place, "requests") == 1
        assert held.rates.used(place, "tokens") == 16, "what the first used"


def test_development_does_not_fill_the_queue_of_production(
    team: Cast, key: str, route: Route, gate: Gate, front_with: Any, settings: Any
) -> None:
    settings.GATEWAY_QUEUE_LENGTHS = (2, 10)
    production = Environment.objects.get(project=team.environment().project, kind="production")
    allow(production, route)
    real = issue(environment=production, name="Real", by=team.dev).secret
    set_capacity(subject=only(route), amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, front_with(real, client) as ready, one_at_it(client, gate, 2) as (first, rest):
        refused = ask(client)
        assert told(refused) == (429, "queue_full")
        assert "2 calls from development environments of your tenant" in refused.json()["error"]["message"]
        with ThreadPoolExecutor(1) as pool:
            served = pool.submit(ask, ready)
            eventually(lambda: waiting() == 3)
            gate.lets(4)
            assert {each.result(5).status_code for each in (first, served, *rest)} == {200}


def test_a_failure_is_told_and_not_that_there_is_no_time_to_wait(
    team: Cast, key: str, route: Route, gate: Gate, other: Provider, front_with: Any
) -> None:
    """The first fails once the second is full and the time for waiting is over."""
    at_other = also_at(route, "other", other.url, tier=2)
    set_capacity(subject=at_other, amounts={"requests": 1}, by=team.pat)
    gate.provider.behaves(answers(500, b"{}"))
    with front_with(key) as client:
        known(route, 2)
        assert served_by(ask(client)) == "other"
        assert told(ask(client, x_atrium_max_wait="0")) == (502, "provider_failed")


def test_nobody_waits_for_one_that_holds_no_more_than_another_found_too_little(
    team: Cast, key: str, route: Route, gate: Gate, other: Provider, front_with: Any
) -> None:
    also_at(route, "other", other.url, tier=2)
    set_capacity(subject=Deployment.objects.get(provider__slug="echo"), amounts={"concurrent": 1}, by=team.pat)
    other.behaves(answers(400, TOO_LONG), model="other-name")
    with front_with(key) as client, ThreadPoolExecutor(1) as pool, ExitStack() as ends:
        ends.callback(gate.lets, 1000)
        known(route, 2)
        first = pool.submit(ask, client)
        gate.arrived(1)
        assert told(ask(client)) == (400, "context_length_exceeded")
        assert not first.done() and len(gate.provider.exchanges) == 1


def test_a_retry_that_finds_no_room_is_none_and_one_that_waited_is_one(
    team: Cast, key: str, route: Route, provider: Provider, other: Provider, front_with: Any
) -> None:
    at_other = also_at(route, "other", other.url, tier=2)
    set_capacity(subject=at_other, amounts={"concurrent": 1}, by=team.pat)
    provider.behaves(answers(500, b"{}"))
    gate = Gate(other, model="other-name")
    with front_with(key) as client, ThreadPoolExecutor(2) as pool, ExitStack() as ends:
        ends.callback(gate.lets, 1000)
        known(route, 2)

        def taken() -> float:
            budget = router()._budgets[route.slug]
            return retry_budget.RESERVE - budget._reserve - budget._earned

        first = pool.submit(ask, client)
        gate.arrived(1)
        before = taken()
        assert ask(client, x_atrium_max_wait="0").status_code == 502
        assert taken() <= before, "it was sent to nobody else"
        second = pool.submit(ask, client)
        eventually(lambda: waiting() == 1)
        before = taken()
        gate.lets(2)
        assert served_by(second.result(5)) == served_by(first.result(5)) == "other"
        assert taken() > before


def test_a_fallbacks_route_has_its_limit_too(
    team: Cast, key: str, route: Route, provider: Provider, other: Provider, front_with: Any
) -> None:
    """One call at once: of two whose own route fails, one is answered by the fallback, and then the next."""
    fallback = make.route("second-model", base_url=other.url, provider="other")
    allow(team.environment(), fallback)
    Route.objects.filter(pk=route.pk).update(fallback=fallback)
    set_capacity(subject=fallback, amounts={"concurrent": 1, "requests": 2}, by=team.pat)
    provider.behaves(answers(500, b"{}"))
    gate = Gate(other, model="second-model")
    with front_with(key) as client, ThreadPoolExecutor(1) as pool, ExitStack() as ends:
        ends.callback(gate.lets, 1000)
        first = pool.submit(ask, client)
        gate.arrived(1)
        assert told(ask(client)) == (502, "provider_failed")
        gate.lets(2)
        assert served_by(first.result(5)) == "other"
        assert [ask(client).status_code for _ in range(2)] == [200, 502], "two requests a minute"
    assert len(other.exchanges) == 2


def test_none_is_asked_twice_also_over_a_fallback(
    team: Cast, key: str, route: Route, provider: Provider, other: Provider, front_with: Any
) -> None:
    """The fallback is served by the deployment of the route itself, and by another."""
    fallback = make.route("second-model", base_url=other.url, provider="other")
    allow(team.environment(), fallback)
    RouteTarget.objects.create(route=fallback, deployment=only(route), priority=0)
    Route.objects.filter(pk=route.pk).update(fallback=fallback)
    provider.behaves(answers(500, b"{}"))
    with front_with(key) as client:
        assert served_by(ask(client)) == "other"
    assert len(provider.exchanges) == 1
