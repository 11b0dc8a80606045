"""A server that is killed: its account of calls is in its journal, and nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from typing import Any

import httpx
import pytest

from catalog.models import Route
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, chunk
from tests.installation import lives
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls
from usage.models import Call, Opening

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "stream": True}


async def _words(exchange: Exchange) -> None:
    import asyncio

    await exchange.head(kind="text/event-stream")
    for _ in range(4000):
        await exchange.event(chunk(" word"))
        await asyncio.sleep(0.005)


def test_a_server_killed_in_the_middle_of_a_stream_leaves_its_account(
    killable: Killable, provider: Provider, route: Route, key: str
) -> None:
    provider.behaves(_words)
    process, url = killable.start()
    words = 0
    headers = {"authorization": f"Bearer {key}"}
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.stream("POST", f"{url}/v1/chat/completions", json=ASKED, headers=headers, timeout=20) as answer,
    ):
        began = time.monotonic()
        for line in answer.iter_lines():
            words += "word" in line
            if time.monotonic() - began > 2.5 and lives(process):
                process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert words > 50 and Call.objects.count() == 0
    killable.start()
    call = kept(within_s=10).get()
    assert (call.outcome, call.usage_source, call.route) == ("interrupted", "counted", "echo-model")
    # More than the client read is what lay between the two when the server was killed.
    assert words * 0.4 < call.output_tokens < words * 1.3 + 20, "at most a second of it is missing"
    assert call.cost is not None and call.cost > 0 and call.first_token_ms is not None
    assert call.status == 200, "that is what the client had got"


@pytest.mark.parametrize("killable", ["process", "machine", "database"], indirect=True)
def test_no_call_is_lost_or_doubled_when_servers_are_killed_under_load(
    killable: Killable, provider: Provider, route: Route, key: str
) -> None:
    """Every call that reached the provider is in the ledger once; every answer that a client got whole is `ok`.

    A server may die between the opening of a call and its sending: that call is in the ledger as interrupted.
    """
    dice = random.Random(5)
    answered: set[str] = set()
    is_over = threading.Event()
    places: list[str] = []

    def ask(seed: int) -> None:
        own = random.Random(seed)
        while not is_over.is_set():
            asked = ASKED | {"stream": own.random() < 0.5}
            try:
                answer = httpx.post(
                    f"{own.choice(places)}/v1/chat/completions",
                    json=asked,
                    headers={"authorization": f"Bearer {key}"},
                    timeout=5,
                )
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            if answer.status_code == 200 and (not asked["stream"] or answer.text.endswith("data: [DONE]\n\n")):
                answered.add(answer.headers["x-atrium-call-id"])

    servers = [killable.start() for _ in range(2)]
    places[:] = [url for _, url in servers]
    clients = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for each in clients:
        each.start()
    for turn in range(6):
        time.sleep(dice.uniform(0.3, 1.0))
        victim = turn % 2
        servers[victim][0].send_signal(signal.SIGKILL)
        servers[victim][0].wait(10)
        servers[victim] = killable.start()
        places[victim] = servers[victim][1]
    is_over.set()
    for each in clients:
        each.join()
    reached = {each.headers["x-client-request-id"] for each in provider.exchanges}
    assert len(reached) == len(provider.exchanges), "the provider had a call twice"
    assert len(answered) > 20
    eventually(lambda: Call.objects.filter(pk__in=answered).count() == len(answered), within_s=15)
    eventually(lambda: not _lagging(places), within_s=15)
    assert set(map(str, Call.objects.filter(outcome="ok").values_list("id", flat=True))) >= answered
    in_ledger = {str(pk): outcome for pk, outcome in Call.objects.values_list("id", "outcome")}
    assert reached <= in_ledger.keys()
    assert {in_ledger[never_sent] for never_sent in in_ledger.keys() - reached} <= {"interrupted"}
    assert_totals_are_the_sums_of_the_calls()
    eventually(lambda: not Opening.objects.exists(), within_s=10)


def _lagging(places: list[str]) -> int:
    waiting = 0
    for url in places:
        facts = json.loads(httpx.get(f"{url}/readyz", timeout=20).content)["gateway"]
        waiting += facts["calls_waiting_for_the_ledger"] + facts["calls_running"]
    return waiting
