"""A hard budget is never overspent, by whatever many processes, and is spent to less than the cost of one call."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from audit.identifiers import uuid7
from audit.record import SYSTEM
from catalog.models import Route
from gateway.leases import Leases
from gateway.snapshot import HardBudget
from playground.models import Session
from tenants.models import ApiKey
from tenants.scope import everything
from tenants.structure import create_tenant
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, well_behaved
from tests.gateway.routing import also_at
from usage.limits.budgets import remove_budget, set_budget
from usage.limits.places import of_environment, of_key, of_tenant
from usage.models import BudgetLease, Call, Price

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}
COST = Decimal("0.000021")  # of each call: 11 tokens in at 1.00 and 5 out at 2.00 a million
MOST = Decimal("0.000031")  # what is reserved: 14 bytes and 7 of the template, and 5 out


def ask(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | more)


def spent() -> Decimal:
    return Decimal(Call.objects.aggregate(sum=Sum("cost", default=Decimal(0)))["sum"])


def leased() -> Decimal:
    return Decimal(BudgetLease.objects.aggregate(sum=Sum("amount", default=Decimal(0)))["sum"])


def test_it_works(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=COST * 5, is_hard=True, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        refused = answers[-1]
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert error["message"].startswith(
            "The tenant Acme may not spend more: too little of its budget is left, and this call may cost up to "
            "$0.000031."
        )
        assert "The budget begins again on 1 " in error["message"]
        assert refused.headers["x-should-retry"] == "false", "OpenAI's clients would try again"
        assert "retry-after" not in refused.headers
        assert "/tenants/acme/limits/" in refused.headers["x-atrium-way-out"]
    kept(4)
    assert spent() == COST * 4
    assert not leased(), "a process that ends gives back what it has"


def test_a_soft_one_stops_nothing(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=COST, is_hard=False, by=team.pat)
    with front_with(key) as client:
        assert {ask(client).status_code for _ in range(3)} == {200}


def test_of_nothing_only_what_is_free_is_called(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_environment(team.environment()), amount=Decimal(0), is_hard=True, by=team.olivia)
    with front_with(key) as client:
        assert ask(client).status_code == 429
    Price.objects.update(input_per_million=0, output_per_million=0)
    with front_with(key) as client:
        assert ask(client).status_code == 200


def test_what_was_spent_before_it_was_set_counts(team: Cast, key: str, route: Route, front_with: Any) -> None:
    with front_with(key) as client:
        assert {ask(client).status_code for _ in range(3)} == {200}
        kept(3)
    set_budget(place=of_key(ApiKey.objects.get()), amount=COST * 4, span="day", is_hard=True, by=team.dev)
    with front_with(key) as client:
        assert ask(client).status_code == 429, "21 are left and 31 may be needed"
        set_budget(place=of_key(ApiKey.objects.get()), amount=COST * 5, span="day", is_hard=True, by=team.dev)
        eventually(lambda: ask(client).status_code == 200)


def test_of_several_each_is_kept_to(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=COST * 100, is_hard=True, by=team.pat)
    set_budget(place=of_tenant(team.acme), amount=COST * 3, span="day", is_hard=True, by=team.pat)
    set_budget(place=of_environment(team.environment()), amount=COST * 50, is_hard=True, by=team.olivia)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert eventually(lambda: BudgetLease.objects.count()) == 3
    assert not leased()


def test_a_change_is_in_force_within_a_second(team: Cast, client: httpx.Client) -> None:
    assert ask(client).status_code == 200
    set_budget(place=of_tenant(team.acme), amount=Decimal(0), is_hard=True, by=team.pat)
    eventually(lambda: ask(client).status_code == 429, within_s=1.0)
    set_budget(place=of_tenant(team.acme), amount=Decimal(1), is_hard=True, by=team.pat)
    eventually(lambda: ask(client).status_code == 200, within_s=1.0)
    set_budget(place=of_tenant(team.acme), amount=Decimal(0), is_hard=True, by=team.pat)
    eventually(lambda: ask(client).status_code == 429, within_s=1.0)
    remove_budget(place=of_tenant(team.acme), span="month", by=team.pat)
    eventually(lambda: ask(client).status_code == 200, within_s=1.0)


def test_one_that_was_soft_for_a_while_is_kept_to_again(team: Cast, client: httpx.Client) -> None:
    place = of_tenant(team.acme)
    set_budget(place=place, amount=COST * 4, is_hard=True, by=team.pat)
    eventually(lambda: BudgetLease.objects.exists() or ask(client).status_code != 200)
    set_budget(place=place, amount=COST * 4, is_hard=False, by=team.pat)
    eventually(lambda: [ask(client).status_code for _ in range(6)] == [200] * 6, within_s=5)
    set_budget(place=place, amount=COST * 4, is_hard=True, by=team.pat)
    eventually(lambda: ask(client).status_code == 429, within_s=4)


def test_a_longer_answer_than_is_left_is_refused_and_a_shorter_one_is_made(
    team: Cast, key: str, route: Route, front_with: Any
) -> None:
    set_budget(place=of_tenant(team.acme), amount=MOST, is_hard=True, by=team.pat)
    with front_with(key) as client:
        assert ask(client, max_tokens=6).status_code == 429
        assert ask(client, max_tokens=5, n=2).status_code == 429
        assert ask(client, max_tokens=None).status_code == 429, "the longest answer of the model does not fit"
        for other in ("n_predict", "max_completion_tokens"):
            assert ask(client, **{other: 6}).status_code == 429, "the provider may keep to either"
        refused = ask(client, n_predict=-1)  # no bound at all, to some
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "n_predict")
        for count in (2.0, "2", True, 0, -1, 129):
            refused = ask(client, n=count)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "n")
        assert ask(client, max_tokens=5).status_code == 200


def test_it_holds_though_another_deployment_is_paid_in_another_currency(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any, settings: Settings
) -> None:
    price = Price.objects.get()
    price.pk, price.currency, price.deployment = uuid7(), "EUR", also_at(route, "other", provider.url, tier=2)
    price.input_per_million, price.output_per_million = 10 * price.input_per_million, 10 * price.output_per_million
    price.save(force_insert=True)
    set_budget(place=of_tenant(team.acme), amount=COST * 5, is_hard=True, by=team.pat)
    settings.CURRENCY = "EUR"
    set_budget(place=of_environment(team.environment()), amount=MOST * 10, is_hard=True, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        assert "The tenant Acme may not spend more" in answers[-1].text
        assert set(Call.objects.values_list("currency", flat=True)) == {"USD"}, "and no euro was spent"
        remove_budget(place=of_tenant(team.acme), span="month", by=team.pat)
        eventually(lambda: ask(client).status_code == 200)
        longer = ask(client, max_tokens=6)
        assert longer.status_code == 429 and "€0.00033" in longer.text


def test_many_at_once_wait_for_what_the_others_give_back(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        await well_behaved(exchange)

    provider.behaves(slow)
    set_budget(place=of_tenant(team.acme), amount=COST * 10 + MOST, is_hard=True, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(20) as pool:
        statuses = [each.status_code for each in pool.map(lambda _: ask(client), range(20))]
    assert statuses.count(200) == 11, "one by one as many would have been made"
    assert spent() == COST * 11


def test_a_failed_call_gives_back_what_it_reserved(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.whole(400, b'{"error": {"message": "no"}}')

    set_budget(place=of_tenant(team.acme), amount=MOST, is_hard=True, by=team.pat)
    provider.behaves(refuses)
    with front_with(key) as client:
        assert {ask(client).status_code for _ in range(5)} == {400}
        provider.behaves(well_behaved)
        assert ask(client).status_code == 200


def _compete(urls: list[str], key: str, count: int) -> list[int]:
    """The statuses of `count` calls at `urls`, twenty at a time; a server that dies answers 0."""

    def one(number: int) -> int:
        try:
            return httpx.post(
                f"{urls[number % len(urls)]}/v1/chat/completions",
                json=ASKED,
                headers={"authorization": f"Bearer {key}"},
                timeout=30,
            ).status_code
        except httpx.HTTPError:
            return 0

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(one, range(count)))


def test_three_processes_spend_it_together_and_no_more(
    team: Cast, key: str, route: Route, provider: Provider, killable: Killable
) -> None:
    budget = COST * 100
    set_budget(place=of_tenant(team.acme), amount=budget, is_hard=True, by=team.pat)
    urls = [killable.start()[1] for _ in range(3)]
    statuses = _compete(urls, key, 300)
    # On a busy machine a call may give up before those under way have given back what they reserved, or before the
    # database has answered: what is left then is for the next ones.
    with httpx.Client(headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        statuses += [client.post(f"{urls[0]}/v1/chat/completions", json=ASKED).status_code for _ in range(20)]
    assert set(statuses) <= {200, 429, 503} and statuses[-1] == 429
    made = statuses.count(200)
    eventually(lambda: Call.objects.count() == made, within_s=10)
    assert spent() == COST * made <= budget
    assert budget - spent() < MOST, f"{made} of 100 were made"


def test_nor_when_one_of_them_is_killed(
    team: Cast, key: str, route: Route, provider: Provider, killable: Killable
) -> None:
    budget = COST * 150
    set_budget(place=of_tenant(team.acme), amount=budget, is_hard=True, by=team.pat)
    victim, first = killable.start()
    urls = [first, killable.start()[1]]

    def strike() -> None:
        eventually(lambda: len(provider.exchanges) > 40, within_s=20)
        victim.send_signal(signal.SIGKILL)

    striking = threading.Thread(target=strike)
    striking.start()
    _compete(urls, key, 200)
    striking.join()
    victim.wait(10)
    _, third = killable.start()
    eventually(lambda: not BudgetLease.objects.filter(holder__contains=f"-{victim.pid}-").exists(), within_s=20)
    last = _compete([urls[1], third], key, 120)
    with httpx.Client(headers={"authorization": f"Bearer {key}"}, timeout=30) as client:  # as above: what is left
        last += [client.post(f"{third}/v1/chat/completions", json=ASKED).status_code for _ in range(20)]
    assert last[-1] == 429
    reached = len({each.headers["x-client-request-id"] for each in provider.exchanges})
    eventually(lambda: Call.objects.count() >= reached, within_s=15)
    assert spent() <= budget
    assert budget - spent() < MOST


def test_a_process_leases_enough_for_the_calls_that_come(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=COST * 10_000, is_hard=True, by=team.pat)
    with front_with(key) as client:
        assert ask(client).status_code == 200
        lease = eventually(lambda: BudgetLease.objects.first())
        assert lease.amount > COST * 100


@pytest.mark.parametrize("level", ["tenant", "environment"])
def test_the_playground_is_held_too(team: Cast, key: str, route: Route, front_with: Any, level: str) -> None:
    from gateway.caller import Caller
    from gateway.calls import open_call
    from gateway.leases import BudgetExceeded
    from gateway.runtime import runtime

    place = of_tenant(team.acme) if level == "tenant" else of_environment(team.environment())
    set_budget(place=place, amount=Decimal(0), is_hard=True, by=team.pat)
    here = team.environment()
    caller = Caller(here.tenant_id, here.project_id, here.pk, here.path, "playground", user_id=team.dev.pk)

    async def go() -> None:
        try:
            with pytest.raises(BudgetExceeded):
                await open_call(caller, {"model": "echo-model", "messages": HELLO}, request_id="x")
        finally:
            await (await runtime()).close()

    asyncio.run(go())
    assert not Session.objects.exists()


def test_slices_of_many_budgets_are_taken_together(team: Cast) -> None:
    """A process that many tenants call asks the database about all of their budgets at once, and who waits goes first.

    Of each more there is one statement more, for what its tenant has spent.
    """
    asked, taken = [], []
    for count in (2, 12):
        leases, waiting = Leases("holder", lambda: None), []
        for number in range(count):
            tenant = create_tenant(slug=f"tenant-{count}-{number}", name="One of many", owner=team.olivia, by=SYSTEM)
            budget = set_budget(place=of_tenant(tenant), amount=COST * 9, is_hard=True, by=team.pat)
            held = HardBudget(budget.pk, budget.amount, budget.currency, budget.span)
            waiting.append(leases._of(held, dt.datetime.now(dt.UTC).date()))
        for each in waiting:
            each.waiting, each.used_at = MOST, time.monotonic()
        with everything("as the ledger's thread does"), CaptureQueriesContext(connection) as queries:
            leases.renew()
        asked.append(len(queries))
        taken += [each.granted >= MOST for each in waiting]
        assert all(row.amount >= MOST for row in BudgetLease.objects.filter(budget__in=[w.budget_id for w in waiting]))
    assert all(taken) and asked[1] - asked[0] <= 10
    for each in waiting:
        each.waiting, each.used_at = Decimal(0), time.monotonic() - 60
    with everything("as the ledger's thread does"):
        leases.renew()
    assert not BudgetLease.objects.filter(budget__in=[each.budget_id for each in waiting]), "nobody needs them any more"
    assert all(each.granted == 0 for each in waiting)
