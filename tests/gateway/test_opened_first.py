"""`GATEWAY_DURABILITY=database`: a call is in the database before a provider is asked, and outlives this machine."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from audit.identifiers import uuid7
from catalog.models import Deployment, Route
from gateway import runtime
from gateway.delivery import adopt_orphans, keep_interrupted
from gateway.gone import Watch
from gateway.grouping import Group
from gateway.journal import segments, unwritable
from gateway.openings import Openings
from tenants.changes import announce
from tenants.scope import everything
from tests import cast as make
from tests.cast import Cast
from tests.faults.link import Link
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.journal_of_rows import JournalOfRows
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, well_behaved
from tests.gateway.serving import Served
from tests.gateway.test_journal import opening
from tests.gateway.test_kills import ASKED as STREAMED
from tests.gateway.test_kills import _words
from tests.gateway.test_queueing import waiting
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls, record
from usage import ledger
from usage.capacity.setting import set_capacity
from usage.limits.budgets import set_budget
from usage.limits.places import of_tenant
from usage.models import BudgetLease, Call, Holder, Opening
from usage.openings import beat
from usage.taking_over import take_over, take_over_silent

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
DURABILITY = {"GATEWAY_DURABILITY": "database"}


@pytest.fixture
def client(route: Route, key: str, tmp_path: Path, settings: Settings) -> Iterator[httpx.Client]:
    settings.GATEWAY_DURABILITY = "database"
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    headers = {"authorization": f"Bearer {key}"}
    with Served() as front, httpx.Client(base_url=front.url, headers=headers, timeout=20) as made:
        yield made


def ask(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | more)


def test_it_works(client: httpx.Client, provider: Provider) -> None:
    seen: list[tuple[str, str]] = []

    @everything("a thread of the test")
    def held() -> list[tuple[str, str]]:
        rows = Opening.objects.values_list("id", "row__outcome")
        found = [(str(pk), outcome) for pk, outcome in rows]
        connection.close()
        return found

    async def looks(exchange: Exchange) -> None:
        seen.extend(await asyncio.to_thread(held))
        await well_behaved(exchange)

    provider.behaves(looks)
    call = ask(client).headers["x-atrium-call-id"]
    assert seen == [(call, "interrupted")], "it was there when the provider got it"
    assert str(kept().get().pk) == call and not Opening.objects.exists()


@pytest.mark.parametrize("wish", ["caller leaves", "process stops"])
def test_one_that_ends_while_it_is_being_opened_sends_nothing(
    client: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    assert ask(client).status_code == 200  # a connection is kept, over which a request goes out at once
    waits, goes_on = threading.Event(), threading.Event()
    write = Openings._open

    async def slowly(self: Openings, rows: list[dict[str, Any]]) -> None:
        waits.set()
        await asyncio.to_thread(goes_on.wait, 4)
        await write(self, rows)

    monkeypatch.setattr(Openings, "_open", slowly)
    ((loop, held),) = [each for each in runtime._runtimes.items() if each[0].is_running()]
    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(client.post, "/v1/chat/completions", json=ASKED, timeout=0.5 if "leaves" in wish else 20)
        assert waits.wait(5)
        if wish == "process stops":
            loop.call_soon_threadsafe(held.abandon)
            assert asked.result(5).status_code == 503, "it is told at once"
        else:
            assert isinstance(asked.exception(5), httpx.ReadTimeout)
        eventually(lambda: not held.running)
        goes_on.set()
    call = kept(2).last()
    assert call is not None and (call.input_tokens, call.output_tokens) == (0, 0)
    monkeypatch.setattr(Openings, "_open", write)
    assert ask(client).status_code == 200
    assert len(provider.exchanges) == 2 and held.journal.running == 0


def test_many_at_once_are_each_there_once_and_none_is_left_open(client: httpx.Client, provider: Provider) -> None:
    with ThreadPoolExecutor(20) as clients:
        assert {each.status_code for each in clients.map(lambda _: ask(client), range(200))} == {200}
    kept(200, within_s=10)
    assert not Opening.objects.exists()
    assert {str(pk) for pk in Call.objects.values_list("pk", flat=True)} == {
        each.headers["x-client-request-id"] for each in provider.exchanges
    }
    assert_totals_are_the_sums_of_the_calls()


def test_those_that_wait_share_one_writing() -> None:
    written: list[int] = []

    async def slowly(rows: list[bytes]) -> None:
        written.append(len(rows))
        await asyncio.sleep(0.05)

    async def work() -> None:
        group = Group(slowly, unwritable)
        first = group.add(b"0")
        await asyncio.sleep(0.01)
        await asyncio.gather(first, *(group.add(b"%d" % number) for number in range(1, 100)))

    asyncio.run(work())
    assert written == [1, 99]


def test_a_server_that_is_stopped_leaves_nothing_behind(
    route: Route, key: str, tmp_path: Path, settings: Settings
) -> None:
    settings.GATEWAY_DURABILITY, settings.JOURNAL_FOLDER = "database", tmp_path / "journal"
    headers = {"authorization": f"Bearer {key}"}
    with Served() as front, httpx.Client(base_url=front.url, headers=headers, timeout=20) as client:
        assert ask(client).status_code == 200
        assert Holder.objects.count() == 1
    assert Holder.objects.count() == 0 and Call.objects.count() == 1


# --- a process that dies ------------------------------------------------------------------------------------------


def _ask_until_it_is_killed(url: str, key: str, kill: Any) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.stream("POST", f"{url}/v1/chat/completions", json=STREAMED, headers=headers, timeout=20) as answer,
    ):
        for number, _ in enumerate(answer.iter_lines()):
            if number == 20:
                kill()


@pytest.fixture
def hosts(team: Cast, tmp_path: Path) -> Iterator[list[Killable]]:
    """Two hosts with one database."""
    made = [Killable(tmp_path / name, **DURABILITY, GATEWAY_GONE_AFTER_S="3") for name in ("one", "two")]
    yield made
    for each in made:
        each.stop()


def test_a_call_whose_process_is_gone_with_its_journal_is_kept_once_by_whoever_lives(
    hosts: list[Killable], provider: Provider, route: Route, key: str, tmp_path: Path
) -> None:
    provider.behaves(_words)
    lost, url = hosts[0].start()
    hosts[1].start()
    hosts[1].start()

    def fall() -> None:
        lost.send_signal(signal.SIGKILL)
        lost.wait(10)
        shutil.rmtree(tmp_path / "one")

    _ask_until_it_is_killed(url, key, fall)
    assert Call.objects.count() == 0 and Opening.objects.count() == 1
    call = kept(within_s=40).get()
    assert (call.outcome, call.status, call.usage_source) == ("interrupted", 500, "counted")
    assert call.input_tokens > 0 and call.cost is not None and call.cost > 0
    assert call.request_id and str(call.pk) == provider.exchanges[0].headers["x-client-request-id"]
    assert not Opening.objects.exists()
    eventually(lambda: Holder.objects.count() <= 2, within_s=5)
    assert_totals_are_the_sums_of_the_calls()


def test_a_journal_that_is_here_tells_more_than_the_opening(
    killable_first: Killable, provider: Provider, route: Route, key: str
) -> None:
    provider.behaves(_words)
    process, url = killable_first.start()

    def kill() -> None:
        time.sleep(1.5)
        process.send_signal(signal.SIGKILL)

    _ask_until_it_is_killed(url, key, kill)
    process.wait(10)
    assert Opening.objects.count() == 1
    killable_first.start()
    call = kept(within_s=10).get()
    assert call.outcome == "interrupted" and call.output_tokens > 20 and call.status == 200
    assert not Opening.objects.exists()
    eventually(lambda: not Holder.objects.filter(name__contains=f"-{process.pid}-").exists(), within_s=10)


@pytest.fixture
def killable_first(team: Cast, tmp_path: Path) -> Iterator[Killable]:
    made = Killable(tmp_path / "data", **DURABILITY)
    yield made
    made.stop()


def opened(cast: Cast, holder: str, count: int = 1) -> list[dict[str, Any]]:
    """Openings in the database, as a process called `holder` makes them."""
    Holder.objects.get_or_create(name=holder)
    rows = [opening(cast) | {"input_per_million": "1.000000", "output_per_million": "2.000000"} for _ in range(count)]
    for row in rows:
        Opening.objects.create(id=row["id"], tenant_id=row["tenant_id"], holder_id=holder, row=row)
    return rows


def test_what_a_disk_lost_of_a_journal_is_still_in_the_database(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    (lost,) = opened(cast, journal.folder.name)
    journal.open_row(known := opening(cast))
    journal.close_row(known | {"outcome": "ok"})
    journal.release()
    assert b'"close"' in segments(journal.folder)[0].read_bytes()
    assert adopt_orphans(tmp_path) == 2
    assert {str(call.pk): call.outcome for call in Call.objects.all()} == {known["id"]: "ok", lost["id"]: "interrupted"}
    assert Call.objects.get(pk=lost["id"]).cost == Decimal("0.00001")
    assert not Opening.objects.exists() and not Holder.objects.exists()


def test_a_journal_and_its_openings_make_one_call(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    (row,) = opened(cast, journal.folder.name)
    journal.open_row(row)
    journal.progressed({"id": row["id"], "output_tokens": 7})
    journal.release()
    adopt_orphans(tmp_path)
    assert Call.objects.get().output_tokens == 7
    assert_totals_are_the_sums_of_the_calls()


def test_an_opening_goes_with_its_call_or_stays_with_it(cast: Cast) -> None:
    (row,) = opened(cast, "process")
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        ledger.write_rows([row | {"outcome": "ok"}])
        assert not Opening.objects.exists()
        raise ZeroDivisionError
    assert Opening.objects.count() == 1 and Call.objects.count() == 0


def test_what_the_ledger_refuses_is_put_aside_and_open_no_more(cast: Cast, tmp_path: Path) -> None:
    (row,) = opened(cast, "process")
    row["project_id"] = str(uuid7())
    keep_interrupted(tmp_path, [row])
    assert (tmp_path / "refused.jsonl").is_file() and not Opening.objects.exists() and not Call.objects.exists()


# --- who is gone --------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a watch sees, to be moved."""
    now = [1000.0]
    monkeypatch.setattr("gateway.gone.time.monotonic", lambda: now[0])
    return now


def test_a_process_is_gone_when_it_was_seen_to_say_nothing_for_long(
    cast: Cast, tmp_path: Path, clock: list[float]
) -> None:
    opened(cast, "elsewhere", 2)
    watch = Watch("own", tmp_path)
    found = []
    for _ in range(7):
        found.append(watch.look(60))
        clock[0] += 10
    assert found == [0, 0, 0, 0, 0, 0, 2], "sixty seconds after it was seen first"
    assert Call.objects.filter(outcome="interrupted").count() == 2


def test_one_that_says_that_it_lives_is_left_alone(cast: Cast, tmp_path: Path, clock: list[float]) -> None:
    opened(cast, "elsewhere")
    watch = Watch("own", tmp_path)
    for _ in range(30):
        assert watch.look(60) == 0
        beat("elsewhere")
        clock[0] += 10


def test_an_outage_of_the_database_makes_nobody_gone(cast: Cast, tmp_path: Path, clock: list[float]) -> None:
    opened(cast, "elsewhere")
    watch = Watch("own", tmp_path)
    watch.look(60)
    clock[0] += 3600  # nobody could look, and nobody could say that they live
    assert watch.look(60) == 0
    clock[0] += 10
    beat("elsewhere")
    assert watch.look(60) == 0


def test_one_whose_journal_is_here_is_not_gone(cast: Cast, tmp_path: Path, clock: list[float]) -> None:
    journal = JournalOfRows(tmp_path)
    opened(cast, journal.folder.name)
    watch = Watch("own", tmp_path)
    for _ in range(30):
        assert watch.look(60) == 0
        clock[0] += 10
    journal.release()


def test_two_who_take_over_at_once_keep_each_call_once(team: Cast, tmp_path: Path) -> None:
    for turn in range(5):
        name = f"lost-{turn}"
        rows = opened(team, name, 20)
        Opening.objects.filter(pk=rows[0]["id"]).update(row=rows[0] | {"status": 200})

        @everything("as the gateway's thread does")
        def take(name: str = name) -> int:
            try:
                return take_over_silent(name, 0, partial(keep_interrupted, tmp_path))
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as takers:
            counts = [taking.result() for taking in [takers.submit(take) for _ in range(4)]]
        assert sorted(counts) == [0, 0, 0, 20]
    assert Call.objects.count() == 100
    assert_totals_are_the_sums_of_the_calls()


def test_one_that_was_taken_for_gone_and_lives_begins_again(
    client: httpx.Client, team: Cast, provider: Provider, tmp_path: Path
) -> None:
    set_budget(place=of_tenant(team.acme), amount=Decimal(1000), is_hard=True, by=team.pat)
    eventually(lambda: ask(client).status_code == 200 and BudgetLease.objects.exists())
    before = Call.objects.count()
    eventually(lambda: not Opening.objects.exists())
    name = Holder.objects.get().name

    @everything("a thread of the test")
    def take() -> None:
        take_over(name, partial(keep_interrupted, tmp_path))
        connection.close()

    async def is_taken(exchange: Exchange) -> None:
        await asyncio.to_thread(take)
        await well_behaved(exchange)

    provider.behaves(is_taken)
    call = ask(client)
    assert call.status_code == 200
    provider.behaves(well_behaved)
    asked = len(provider.exchanges)
    refused = ask(client)  # it had reserved of a slice that others may have by now
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ledger_unreachable")
    assert len(provider.exchanges) == asked
    eventually(lambda: ask(client).status_code == 200, within_s=5)  # it opens calls again
    assert Holder.objects.get().name == name
    assert Call.objects.get(pk=call.headers["x-atrium-call-id"]).outcome == "interrupted", "the account was ended"
    eventually(lambda: Call.objects.count() > before + 1)
    assert_totals_are_the_sums_of_the_calls()


def test_what_was_reserved_before_is_not_opened_after(
    client: httpx.Client, team: Cast, provider: Provider, route: Route, tmp_path: Path
) -> None:
    """A call waits for room with what it has reserved, others take the process for gone, and the room comes."""
    set_budget(place=of_tenant(team.acme), amount=Decimal(1000), is_hard=True, by=team.pat)
    set_capacity(subject=Deployment.objects.get(), amounts={"concurrent": 1}, by=team.pat)
    eventually(lambda: ask(client).status_code == 200 and BudgetLease.objects.exists())
    with Provider() as other:
        second = make.route("second", base_url=other.url, provider="second")
        allow(team.environment(), second)
        announce("route")
        eventually(lambda: ask(client, model="second").status_code == 200, within_s=5)
        eventually(lambda: not Opening.objects.exists())
        release = threading.Event()

        async def is_held(exchange: Exchange) -> None:
            await asyncio.to_thread(release.wait, 20)
            await well_behaved(exchange)

        provider.behaves(is_held)
        asked = len(provider.exchanges)
        name = Holder.objects.get().name

        @everything("a thread of the test")
        def take() -> None:
            take_over(name, partial(keep_interrupted, tmp_path))
            connection.close()

        with ThreadPoolExecutor(2) as beside:
            under_way = beside.submit(ask, client)
            eventually(lambda: len(provider.exchanges) == asked + 1)
            waits = beside.submit(ask, client)
            eventually(lambda: waiting() == 1)
            with ThreadPoolExecutor(1) as thread:
                thread.submit(take).result()
            eventually(lambda: ask(client, model="second").status_code == 503)
            eventually(lambda: ask(client, model="second").status_code == 200, within_s=5)
            release.set()
            refused = waits.result()
            assert under_way.result().status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "reservation_gone")
    assert refused.headers["retry-after"] == "1"
    assert len(provider.exchanges) == asked + 1, "it was not sent"
    eventually(lambda: ask(client).status_code == 200, within_s=5)


def test_what_is_opened_after_its_call_has_ended_goes(cast: Cast) -> None:
    (row,) = opened(cast, "process")
    ledger.write([record(cast, id=UUID(row["id"]))])
    Opening.objects.create(id=row["id"], tenant_id=row["tenant_id"], holder_id="process", row=row)
    (other,) = opened(cast, "process")
    beat("process")
    assert [str(pk) for pk in Opening.objects.values_list("pk", flat=True)] == [other["id"]]


# --- the database is away -----------------------------------------------------------------------------------------


@pytest.fixture
def link() -> Iterator[Link]:
    with Link() as made:
        yield made


def linked(link: Link, data: Path, durability: str) -> Killable:
    """A host whose wire to the database can be cut."""
    address = link.url(str(connection.settings_dict["NAME"]))
    return Killable(data, DATABASE_URL=address, GATEWAY_DURABILITY=durability)


@pytest.mark.parametrize("durability", ["process", "machine", "database"])
def test_without_the_database_calls_go_on_or_stop_as_the_setting_says(
    link: Link, provider: Provider, route: Route, key: str, tmp_path: Path, durability: str
) -> None:
    host = linked(link, tmp_path / "data", durability)
    try:
        _, url = host.start()
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20) as client:
            eventually(lambda: ask(client).status_code == 200, within_s=10)
            before = len(provider.exchanges)
            link.cut()
            told = [ask(client) for _ in range(20)]
            if durability == "database":
                assert {each.status_code for each in told} == {503}
                assert {each.headers["retry-after"] for each in told} == {"5"}
                assert {each.json()["error"]["code"] for each in told} == {"ledger_unreachable"}
                assert len(provider.exchanges) == before, "no provider was asked"
            else:
                assert {each.status_code for each in told} == {200}
            link.mend()
            eventually(lambda: ask(client).status_code == 200, within_s=15)
        answered = len(provider.exchanges)
        eventually(lambda: Call.objects.filter(outcome="ok").count() == answered, within_s=20)
        assert Call.objects.exclude(outcome="ok").exclude(error_code="ledger_unreachable").count() == 0
        assert sum(call.cost or 0 for call in Call.objects.exclude(outcome="ok")) == 0
        eventually(lambda: not Opening.objects.exists(), within_s=10)
        assert_totals_are_the_sums_of_the_calls()
    finally:
        host.stop()


def test_a_database_that_says_nothing_is_waited_for_once(
    link: Link, provider: Provider, route: Route, key: str, tmp_path: Path
) -> None:
    host = linked(link, tmp_path / "data", "database")
    try:
        _, url = host.start()
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20) as client:
            eventually(lambda: ask(client).status_code == 200, within_s=10)
            link.hang()
            began = time.monotonic()
            assert ask(client).status_code == 503
            assert time.monotonic() - began < 10
            began = time.monotonic()
            assert ask(client).status_code == 503
            assert time.monotonic() - began < 2, "it is known by now"
            link.mend()
            eventually(lambda: ask(client).status_code == 200, within_s=20)
    finally:
        host.stop()
