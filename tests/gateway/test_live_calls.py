"""A tenant's people watch its calls start and end, in a stream that ends with their right to look."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.identifiers import uuid7
from catalog.models import Route
from gateway import live
from gateway.runtime import runtime
from tenants.memberships import remove_member
from tenants.models import Membership, User
from tests.cast import Cast
from tests.gateway.conftest import eventually, kept
from tests.gateway.provider import Provider
from tests.gateway.routing import ask
from tests.gateway.serving import Served
from tests.gateway.test_queueing import Gate
from usage.models import Call, RunningCall
from usage.models import Watch as WatchRow
from usage.tail import open_streams


class Tail:
    """The events of one stream, read in a thread."""

    def __init__(self, url: str, person: User, query: str = "", **headers: str) -> None:
        self.browser = Client()
        self.browser.force_login(person)
        self.events: list[tuple[str, dict[str, Any], float]] = []
        self.last_id = ""
        self.has_ended = threading.Event()
        self._url, self._headers = f"{url}/tenants/acme/calls/stream/{query}", headers
        threading.Thread(target=self._read, daemon=True).start()
        eventually(lambda: self.events or self.has_ended.is_set(), within_s=10)

    def _read(self) -> None:
        cookies = {"sessionid": self.browser.cookies["sessionid"].value}
        name = ""
        with httpx.stream("GET", self._url, cookies=cookies, headers=self._headers, timeout=30) as answer:
            self._socket = answer.extensions["network_stream"].get_extra_info("socket")
            self.kind = answer.headers["content-type"]
            with suppress(httpx.HTTPError):  # it was left
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "id":
                        self.last_id = value
                    elif field == "data":
                        self.events.append((name, json.loads(value), time.monotonic()))
        self.has_ended.set()

    def leave(self) -> None:
        if not self.has_ended.is_set():
            self._socket.shutdown(socket.SHUT_RDWR)
            assert self.has_ended.wait(5)

    def shown(self, words: str, call: object = "") -> float | None:
        """When a row with `words` came first; None: not yet."""
        for _, told, at in self.events:
            if words in told.get("html", "") and str(call) in told["html"]:
                return at
        return None


type Watch = Callable[..., Tail]


@pytest.fixture
def watch(front: Served) -> Iterator[Watch]:
    """`watch(person)` reads a stream, which is left at the end."""
    opened: list[Tail] = []

    def begun(person: User, query: str = "", **headers: str) -> Tail:
        opened.append(Tail(front.url, person, query, **headers))
        return opened[-1]

    yield begun
    for each in opened:
        each.leave()


@contextmanager
def held(client: httpx.Client, provider: Provider) -> Iterator[Callable[[], float]]:
    """A call under way, until what is given is called; that tells when it ended."""
    gate = Gate(provider)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, client)
        gate.arrived(len(provider.exchanges) + 1 if not provider.exchanges else len(provider.exchanges))

        def ends() -> float:
            gate.lets(1)
            assert asked.result().status_code == 200
            return time.monotonic()

        try:
            yield ends
        finally:
            gate.lets(10)


def test_it_works(client: httpx.Client, watch: Watch, provider: Provider, team: Cast) -> None:
    """A call is shown within two seconds of its start, and within two of its end."""
    tail = watch(team.vera)
    assert tail.kind.startswith("text/event-stream") and tail.events[0][0] == "all" and tail.events[0][1]["html"] == ""
    began = time.monotonic()
    with held(client, provider) as ends:
        seen = eventually(lambda: tail.shown("Asked"), within_s=5)
        running = RunningCall.objects.get()
        assert (running.route, running.provider, running.key_name) == ("echo-model", "echo", "Laptop")
        ended = ends()
    call = kept().get()
    answered = eventually(lambda: tail.shown("Answered", call.pk), within_s=5)
    assert running.pk == call.pk and f'id="live-{call.pk}"' in tail.events[-1][1]["html"]
    print(f"shown {seen - began:.2f} s after its start, {answered - ended:.2f} s after its end")
    assert seen - began < 4 and answered - ended < 4, "twice the promise: this machine may be busy"
    text = json.dumps([told for _, told, _ in tail.events])
    assert "Say something" not in text and "Well" not in text


def test_nobody_who_watches_costs_no_row(client: httpx.Client, provider: Provider, team: Cast) -> None:
    with held(client, provider) as ends:
        time.sleep(1.2)  # nothing may come: there is nothing to wait for
        assert not RunningCall.objects.exists()
        ends()


def test_where_nothing_was_told_for_a_while_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    told = live.Live("one")
    row = {"id": uuid7(), "state": "asked", "attempts": 1, "provider": "echo"}
    monkeypatch.setattr(live, "LIVES_EVERY_S", 0.0)
    assert not told.is_due(), "nobody watches"
    told.were_told([row], [], lives=False)
    assert told.is_due()
    told.were_told([], [row["id"]], lives=True)
    assert told.is_due(), "what it told is still to be cleared"
    monkeypatch.setattr(live, "KEPT_FOR_S", 0.0)
    told.were_told([row], [row["id"]], lives=True)
    assert not told.is_due()


def test_who_comes_between_two_rounds_leaves_the_ledger_its_connection(front: Served) -> None:
    """While calls end all the time one connection carries them; otherwise nobody keeps one."""

    async def is_kept(is_busy: bool, fails: bool = False) -> bool:
        here = await runtime()

        def asked() -> None:
            here._is_busy = is_busy  # as the last round has left it
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1" if not fails else "SELECT no_such_column")

        work = here._between(asked), here._in_thread(lambda: connection.connection is not None)
        _, found = await asyncio.gather(*work, return_exceptions=True)
        return bool(found)

    def answer(*asked: bool) -> bool:
        return asyncio.run_coroutine_threadsafe(is_kept(*asked), front.loop).result(20)

    assert [answer(True), answer(False), answer(True, True), answer(False, True)] == [True, False, False, False]


def test_calls_of_another_tenant_are_not_told(client: httpx.Client, provider: Provider, team: Cast) -> None:
    WatchRow.objects.create(tenant=team.globex, until=timezone.now() + dt.timedelta(minutes=1))
    with held(client, provider) as ends:
        time.sleep(1.2)
        assert not RunningCall.objects.exists()
        ends()


def test_who_is_no_member_any_more_loses_the_stream(watch: Watch, team: Cast) -> None:
    tail = watch(team.vera)
    remove_member(membership=Membership.objects.get(user=team.vera, tenant=team.acme), by=team.olivia)
    began = time.monotonic()
    assert tail.has_ended.wait(10) and time.monotonic() - began < 3
    assert tail.events[-1][0] == "over"


@pytest.mark.parametrize("how", ["signed out", "switched off", "password changed"])
def test_who_is_signed_out_or_switched_off_loses_it_too(watch: Watch, team: Cast, how: str) -> None:
    tail = watch(team.vera)
    if how == "signed out":
        tail.browser.logout()
    elif how == "password changed":  # elsewhere: the row of this session stays
        changed = User.objects.get(pk=team.vera.pk)
        changed.set_password("Another-1-of-them")
        changed.save()
    else:
        User.objects.filter(pk=team.vera.pk).update(is_active=False)
    assert tail.has_ended.wait(10) and tail.events[-1][0] == "over"


def test_a_broken_connection_goes_on_where_it_was(
    client: httpx.Client, watch: Watch, provider: Provider, team: Cast
) -> None:
    tail = watch(team.vera)
    with held(client, provider) as ends:
        eventually(lambda: tail.shown("Asked"), within_s=5)
        tail.leave()
        ends()
    call = kept().get()
    again = watch(team.vera, **{"Last-Event-ID": tail.last_id})
    assert [name for name, *_ in again.events] == ["more"] and again.shown("Answered", call.pk)
    old = watch(team.vera, **{"Last-Event-ID": "2020-01-01T00:00:00+00:00"})
    assert [name for name, *_ in old.events] == ["all"]


def test_only_so_many_pages_are_watched_by_one_person(
    front: Served, watch: Watch, team: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "MOST_OF_PERSON", 1)
    first = watch(team.vera)
    cookies = {"sessionid": first.browser.cookies["sessionid"].value}
    refused = httpx.get(f"{front.url}/tenants/acme/calls/stream/", cookies=cookies)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    watch(team.olivia)


def test_room_is_taken_when_it_is_asked_for_and_given_back_if_no_stream_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever is asked for many at once, or leaves before the first event."""
    monkeypatch.setattr(open_streams, "MOST_OF_PERSON", 2)
    monkeypatch.setattr(open_streams, "BEGINS_WITHIN_S", 0.05)
    person = uuid7()

    async def asked() -> None:
        left, begun = open_streams.take(person), open_streams.take(person)
        with pytest.raises(open_streams.TooManyWatch):
            open_streams.take(person)
        with begun as end:
            await asyncio.sleep(0.2)  # more than it may take to begin
            assert not end.is_set()
            with left as late:
                assert late.is_set(), "it begins too late, and ends at once"
            with open_streams.take(person), pytest.raises(open_streams.TooManyWatch):
                open_streams.take(person)
        with open_streams.take(person), open_streams.take(person):
            pass  # all of it is there again

    asyncio.run(asked())


def test_no_stream_opens_once_the_server_ends(front: Served, watch: Watch, team: Cast) -> None:
    tail = watch(team.vera)
    front.loop.call_soon_threadsafe(open_streams.end_all)
    assert tail.has_ended.wait(10)
    cookies = {"sessionid": tail.browser.cookies["sessionid"].value}
    refused = httpx.get(f"{front.url}/tenants/acme/calls/stream/", cookies=cookies, timeout=5)
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0


def test_programs_ask_for_the_same(client: httpx.Client, provider: Provider, team: Cast, route: Route) -> None:
    browser = Client()
    browser.force_login(team.vera)

    def tail(**asked: str) -> dict[str, Any]:
        answer = browser.get("/api/usage/calls/tail/", {"tenant": "acme"} | asked)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    first = tail()
    assert first["calls"] == [] and first["is_whole"]
    with held(client, provider) as ends:
        (running,) = eventually(lambda: tail(after=first["after"])["calls"], within_s=5)
        assert (running["state"], running["what"], running["cost"]) == ("running", "Asked", None)
        assert tail(outcome="running")["calls"] and not tail(outcome="ok")["calls"]
        assert not tail(route="another")["calls"] and not tail(environment="production")["calls"]
        ends()
    call = kept().get()
    (ended,) = eventually(
        lambda: [each for each in tail(after=first["after"])["calls"] if each["state"] == "completed"], within_s=5
    )
    assert (ended["id"], ended["duration_ms"], ended["attempts"]) == (str(call.pk), call.duration_ms, 1)
    assert not tail(after=first["after"])["is_whole"] and Call.objects.count() == 1
