"""When a call is sent elsewhere: what a provider asked for is heeded, retries are bounded, and a prompt that is too
long finds a deployment or a route that holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from catalog import steering
from catalog.models import Deployment, Route
from gateway import runtime
from gateway.routing import retry_budget, standing
from gateway.routing.latency import PeakEwma
from gateway.routing.retry_budget import RetryBudget
from tenants.changes import announce
from tests import cast as make
from tests.cast import Cast
from tests.gateway.behaviours import answers, keeps_silent
from tests.gateway.conftest import allow, eventually, kept
from tests.gateway.provider import Provider, well_behaved
from tests.gateway.routing import also_at, ask, counted, known, router, served_by, target

TOO_LONG = json.dumps({"error": {"message": "Too long.", "code": "context_length_exceeded"}}).encode()


@pytest.fixture
def other() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def test_a_provider_that_says_when_is_not_asked_before(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(429, b"{}", extra="retry-after: 2\r\n"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    began = time.monotonic()
    assert served_by(ask(client)) == "other"
    provider.behaves(well_behaved)
    assert counted([ask(client) for _ in range(5)]) == {"other": 5} and len(provider.exchanges) == 1
    eventually(lambda: served_by(ask(client)) == "echo", within_s=6)
    assert time.monotonic() - began >= 2


@pytest.mark.parametrize("status", [429, 503])
def test_the_refusal_says_when_where_it_is_the_only_one(
    client: httpx.Client, provider: Provider, route: Route, status: int
) -> None:
    provider.behaves(answers(status, b"{}", extra="retry-after: 30\r\n"))
    assert ask(client).status_code == status
    again = ask(client)
    assert (again.status_code, again.json()["error"]["code"]) == (429, "provider_busy")
    assert 28 <= int(again.headers["retry-after"]) <= 30 and len(provider.exchanges) == 1
    assert "asked not to be called for another 30 s" in again.json()["error"]["message"]


def test_one_that_is_busy_and_does_not_say_when_is_passed_over_while_others_live(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(429, b"{}"))
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    assert counted([ask(client) for _ in range(4)]) == {"other": 4} and len(provider.exchanges) == 1
    other.behaves(answers(429, b"{}"), model="other-name")
    assert ask(client).status_code == 429
    assert len(provider.exchanges) == 2, "rather than to refuse it is asked all the same"


def test_a_day_is_not_believed(client: httpx.Client, provider: Provider, route: Route) -> None:
    provider.behaves(answers(429, b"{}", extra="retry-after: 86400\r\n"))
    ask(client)
    paused_s = router().standing(target(route, "echo")).paused_until - router().now()
    assert standing.LONGEST_PAUSE_S - 10 < paused_s <= standing.LONGEST_PAUSE_S


def test_trouble_everywhere_does_not_become_several_times_the_load(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    monkeypatch.setattr(retry_budget, "A_SECOND", 0.0)
    monkeypatch.setattr(retry_budget, "RESERVE", 4.0)
    provider.behaves(answers(500, b"{}"))
    other.behaves(answers(500, b"{}"), model="other-name")
    also_at(route, "other", other.url)
    known(route, 2)
    for _ in range(40):
        assert ask(client).status_code == 502
    asked = len(provider.exchanges) + len(other.exchanges)
    assert 40 + 4 <= asked <= 40 + 4 + 40 * retry_budget.SHARE + 1


def test_a_connection_that_was_never_made_is_no_retry(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, provider: Provider, route: Route
) -> None:
    monkeypatch.setattr(retry_budget, "A_SECOND", 0.0)
    monkeypatch.setattr(retry_budget, "RESERVE", 0.0)
    monkeypatch.setattr(retry_budget, "SHARE", 0.0)
    with Provider() as gone:
        pass
    also_at(route, "gone", gone.url, tier=1, weight=1000)
    known(route, 2)
    assert {ask(client).status_code for _ in range(10)} == {200}


def test_a_prompt_that_a_provider_finds_too_long_goes_to_one_that_holds_more(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(400, TOO_LONG))
    Deployment.objects.filter(provider__slug="echo").update(context_tokens=4_000)
    other.behaves(answers(400, TOO_LONG), model="same-name")
    also_at(route, "same", other.url, tier=2, context_tokens=4_000)
    also_at(route, "large", other.url, tier=3, context_tokens=8_000)
    known(route, 3)
    assert served_by(ask(client)) == "large"
    assert [exchange.body["model"] for exchange in other.exchanges] == ["large-name"], (
        "nobody of the same size is asked"
    )
    assert kept().get().outcome == "ok"


def test_a_prompt_known_to_be_too_long_is_not_even_sent(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    Deployment.objects.filter(provider__slug="echo").update(context_tokens=50)
    also_at(route, "large", other.url, tier=2, context_tokens=8_000)
    known(route, 2)
    long = [{"role": "user", "content": "word " * 200}]
    assert served_by(ask(client, messages=long)) == "large" and not provider.exchanges
    assert served_by(ask(client)) == "echo", "a short one goes as ever"


def test_a_client_is_told_in_openais_code_where_nobody_holds_it(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    provider.behaves(answers(400, TOO_LONG))
    answer = ask(client)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("has_access", [True, False])
def test_a_fallback_is_for_those_who_may_call_it(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast, has_access: bool
) -> None:
    """The ledger names the model that answered and the grant that allowed it, and its price counts."""
    provider.behaves(answers(400, TOO_LONG))
    fallback = make.route("long-model", base_url=other.url, provider="other")
    grant = allow(team.environment(), fallback) if has_access else None
    steering.steer(route=route, fallback="long-model", by=team.pat)
    announce("route")
    known(route, 1)
    eventually(lambda: (held := runtime.current_snapshot()) and held.routes["echo-model"].fallback == "long-model")
    answer = ask(client)
    call = kept().get()
    if grant is None:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert not other.exchanges
        return
    assert answer.status_code == 200 and served_by(answer) == "other"
    assert (call.route, call.model_slug, call.provider, call.grant_id) == (
        "echo-model",
        "long-model",
        "other",
        grant.pk,
    )
    assert call.outcome == "ok" and call.cost


def test_a_route_may_wait_less_than_the_installation(
    client: httpx.Client, provider: Provider, route: Route, team: Cast
) -> None:
    provider.behaves(keeps_silent)
    known(route, 1)
    steering.steer(route=route, first_token_timeout_s=0.3, by=team.pat)
    eventually(lambda: (held := runtime.current_snapshot()) and held.routes["echo-model"].first_token_timeout_s)
    answer = ask(client)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "provider_timeout")
    assert "within 0.3 seconds" in answer.json()["error"]["message"]


def test_the_budget_is_a_fifth_of_the_calls_and_ten_a_second() -> None:
    budget = RetryBudget(0.0)
    taken = 0
    while budget.has_any(0.0):
        budget.takes(0.0)
        taken += 1
    assert taken == retry_budget.RESERVE == 100
    assert not budget.has_any(0.05) and budget.has_any(0.11)
    budget.takes(0.11)
    for _ in range(10):
        budget.earns(0.11)
    assert budget.left(0.11) == 2
    assert budget.left(0.11 + retry_budget.KEPT_S) == 100, "what calls earned is gone by then"


def test_bad_news_is_believed_at_once_and_good_news_slowly() -> None:
    latency = PeakEwma()
    assert latency.load(0, 1.0) == 0 and latency.load(1, 1.0) > 0, "one call finds out"
    latency.observe(0.1, 1.0)
    latency.observe(2.0, 2.0)
    assert latency.at(2.0) == 2.0
    latency.observe(0.1, 3.0)
    assert 1.7 < latency.at(3.0) < 2.0
    assert latency.load(3, 3.0) == pytest.approx(4 * latency.at(3.0))
    assert latency.at(60.0) < 0.1, "one that is not asked is tried again some day"
