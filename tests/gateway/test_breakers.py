"""Breakers: what opens them, who finds out whether a deployment is back, and that nobody is refused for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from catalog import steering
from catalog.models import Provider as ProviderRow
from catalog.models import Route
from gateway.models import ProcessReport
from gateway.routing import breakers, telling
from gateway.routing.attempting import Attempt
from gateway.routing.breakers import FAILURES, Breaker
from gateway.routing.router import Router
from tenants.changes import announce
from tests.cast import Cast
from tests.gateway.behaviours import answers, breaks_off, hurry, keeps_silent, streams
from tests.gateway.conftest import eventually
from tests.gateway.provider import Behaviour, Exchange, Provider, well_behaved
from tests.gateway.routing import ASKED, also_at, ask, breaker, counted, known, router, served_by, target


@pytest.fixture
def other() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that failed is tried again soon."""
    monkeypatch.setattr(breakers, "FIRST_WAIT_S", 0.3)
    monkeypatch.setattr(breakers, "LONGEST_WAIT_S", 0.3)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (answers(500, b"{}"), "status 500"),
        (answers(401, b"{}"), "refuses the connection"),
        (breaks_off, "broke off"),
        (keeps_silent, "kept silent"),
        (answers(200, b"<html>"), "sent no answer"),
    ],
)
def test_what_is_the_providers_fault_opens_it(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, behaviour: Behaviour, why: str
) -> None:
    provider.behaves(behaviour)
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    hurry(first_byte_s=0.2)
    assert {ask(client).status_code for _ in range(FAILURES)} == {200}
    held = router().standing(target(route, "echo")).breaker
    assert (held.state, held.why) == ("open", why)
    asked = len(provider.exchanges)
    assert counted([ask(client) for _ in range(5)]) == {"other": 5}
    assert len(provider.exchanges) == asked, "it is left alone"


@pytest.mark.parametrize("status", [400, 413, 422, 429])
def test_what_the_caller_did_and_what_is_busy_open_none(
    client: httpx.Client, provider: Provider, route: Route, status: int
) -> None:
    provider.behaves(answers(status, b"{}"))
    for _ in range(FAILURES * 2):
        assert ask(client).status_code == status
    assert breaker(route, "echo") == "closed"


def test_half_of_the_calls_failing_opens_it_though_others_succeed_in_between(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    seen = 0

    async def every_second(exchange: Exchange) -> None:
        nonlocal seen
        seen += 1
        await (well_behaved if seen % 2 else answers(500, b"{}"))(exchange)

    provider.behaves(every_second)
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    assert {ask(client).status_code for _ in range(breakers.ENOUGH_CALLS)} == {200}
    held = router().standing(target(route, "echo")).breaker
    assert (held.state, held.failures) == ("open", breakers.ENOUGH_CALLS // 2)


def test_the_only_deployment_is_asked_though_its_breaker_is_open(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    assert {ask(client).status_code for _ in range(FAILURES)} == {502}
    assert breaker(route, "echo") == "open"
    provider.behaves(well_behaved)
    assert ask(client).status_code == 200
    assert ask(client).status_code == 200 and breaker(route, "echo") == "closed", "and its answers count"


def test_one_call_at_a_time_finds_out_and_the_others_go_elsewhere(
    soon: None, client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    goes_on, trying = threading.Event(), 0

    async def waits(exchange: Exchange) -> None:
        nonlocal trying
        trying += 1
        while not goes_on.is_set():
            await asyncio.sleep(0.01)
        await well_behaved(exchange)

    provider.behaves(answers(500, b"{}"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    for _ in range(FAILURES):
        ask(client)
    provider.behaves(waits)
    eventually(lambda: router().now() > router().standing(target(route, "echo")).breaker.probe_at)
    answered: list[httpx.Response] = []
    probing = threading.Thread(target=lambda: answered.append(ask(client)))
    probing.start()
    eventually(lambda: trying == 1)
    assert breaker(route, "echo") == "probing"
    assert counted([ask(client) for _ in range(10)]) == {"other": 10} and trying == 1
    goes_on.set()
    probing.join()
    assert served_by(answered[0]) == "echo" and breaker(route, "echo") == "probing", "once is not enough"
    assert served_by(ask(client)) == "echo" and breaker(route, "echo") == "closed"


def test_a_caller_who_leaves_while_finding_out_keeps_nobody_from_trying_again(
    soon: None, client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    for _ in range(FAILURES):
        ask(client)
    provider.behaves(keeps_silent)
    held = router().standing(target(route, "echo")).breaker
    eventually(lambda: router().now() > held.probe_at)
    with pytest.raises(httpx.TimeoutException):
        client.post("/v1/chat/completions", json=ASKED, timeout=0.5)
    eventually(lambda: not held.is_probed)
    assert held.state == "open", "it told nothing"
    provider.behaves(well_behaved)
    assert served_by(ask(client)) == served_by(ask(client)) == "echo" and breaker(route, "echo") == "closed"


def test_a_person_has_it_tried_at_once(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    provider.behaves(answers(500, b"{}"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    for _ in range(FAILURES):
        ask(client)
    provider.behaves(well_behaved)
    assert served_by(ask(client)) == "other"
    steering.probe(deployment=route.targets.get(priority=1).deployment, by=team.pat)
    eventually(lambda: target(route, "echo").probe_asked_at)
    assert served_by(ask(client)) == served_by(ask(client)) == "echo" and breaker(route, "echo") == "closed"


def test_an_endpoint_that_was_connected_anew_begins_anew(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    for _ in range(FAILURES):
        ask(client)
    assert breaker(route, "echo") == "open"
    ProviderRow.objects.filter(slug="echo").update(base_url=f"{provider.url}/elsewhere")
    announce("provider")
    eventually(lambda: target(route, "echo").base_url.endswith("elsewhere"))
    assert breaker(route, "echo") == "closed"


def test_what_another_process_found_makes_one_failure_enough(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    monkeypatch.setattr(telling, "EVERY_S", 0.1)
    provider.behaves(answers(500, b"{}"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    assert served_by(ask(client)) == "other" and breaker(route, "echo") == "closed"
    key = str(target(route, "echo").deployment_id)
    elsewhere = Router().report() | {"deployments": {key: {"breaker": "open"}}}
    telling.exchange("elsewhere", elsewhere)
    told_at = ProcessReport.objects.get(process="elsewhere").at
    eventually(lambda: ProcessReport.objects.exclude(process="elsewhere").filter(at__gt=told_at).count() == 1)
    held = router().standing(target(route, "echo")).breaker
    eventually(lambda: held._in_a_row == FAILURES - 1)
    assert served_by(ask(client)) == "other" and breaker(route, "echo") == "open"


def test_it_waits_longer_each_time_and_comes_back_little_by_little() -> None:
    breaker = Breaker(Random(1))
    for _ in range(FAILURES):
        breaker.failed(100.0, "status 500")
    waits, now = [], 100.0
    for _ in range(6):
        waits.append(breaker.probe_at - now)
        now = breaker.probe_at
        assert breaker.verdict(now - 0.01) == "wait" and breaker.verdict(now) == "probe"
        breaker.probes()
        assert breaker.verdict(now) == "wait", "somebody is finding out"
        breaker.failed(now, "status 500", was_probe=True)
    assert all(wait * 1.2 < following for wait, following in pairwise(waits[:4]))
    assert max(waits) <= breakers.LONGEST_WAIT_S * 1.2 and breaker.since == 100.0
    for _ in range(breakers.PASSES):
        breaker.probes()
        breaker.succeeded(now, was_probe=True)
    shares = [breaker.share(now + passed) for passed in (0, 2.5, 5, 7.5, 10)]
    assert breaker.state == "closed" and shares == sorted(shares) and shares[0] == 0.1 and shares[-1] == 1


def test_a_stream_that_is_over_before_it_began_is_no_answer_and_leaves_no_breaker_half_open(
    soon: None, client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(streams(b"[DONE]"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    assert {served_by(ask(client, stream=True)) for _ in range(FAILURES)} == {"other"}
    held = router().standing(target(route, "echo")).breaker
    assert (held.state, held.why) == ("open", "sent no answer")
    eventually(lambda: router().now() > held.probe_at)
    assert served_by(ask(client, stream=True)) == "other" and not held.is_probed
    provider.behaves(well_behaved)
    eventually(lambda: router().now() > held.probe_at)
    assert [served_by(ask(client)) for _ in range(2)] == ["echo"] * 2 and breaker(route, "echo") == "closed"


def test_a_probe_that_ends_well_without_an_event_ends_the_probing(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    for _ in range(FAILURES):
        ask(client)
    standing = router().standing(target(route, "echo"))
    choice: Any = SimpleNamespace(router=router(), is_streamed=True)
    link: Any = (None, None)
    attempt = Attempt(choice, standing.target, link, standing, is_probe=True, is_last_resort=False)
    with attempt:
        assert standing.breaker.is_probed
        attempt.succeeded()
    assert not standing.breaker.is_probed
