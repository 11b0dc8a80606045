"""Several processes keep to what a deployment takes together, and none takes all the places that it frees."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from catalog.models import Route
from gateway.queueing.among_processes import divided
from tenants.keys import issue
from tenants.models import Environment
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, well_behaved
from usage.capacity.setting import set_capacity

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}


class Slow:
    """A provider that takes its time and notes how many it had at once."""

    def __init__(self, provider: Provider, seconds: float) -> None:
        self.seconds, self.now, self.most = seconds, 0, 0
        self._lock = threading.Lock()
        provider.behaves(self)

    async def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        with self._lock:
            self.now -= 1
        await well_behaved(exchange)


@pytest.mark.parametrize("places", [1, 3])
def test_it_works(team: Cast, key: str, route: Route, provider: Provider, killable: Killable, places: int) -> None:
    """One process has many calls of a noisy tenant waiting, the other a few of a quiet one: the quiet ones do not wait
    until the others are through, and together they are no more than the deployment takes, but for the moment that a
    message takes."""
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret
    set_capacity(subject=route.targets.get().deployment, amounts={"concurrent": places}, by=team.pat)
    slow = Slow(provider, 0.25)
    here, there = (killable.start()[1] for _ in range(2))
    done: list[str] = []

    def ask(url: str, secret: str, whose: str) -> int:
        answer = httpx.post(
            f"{url}/v1/chat/completions", json=ASKED, headers={"authorization": f"Bearer {secret}"}, timeout=60
        )
        done.append(whose)
        return answer.status_code

    assert [ask(url, key, "first") for url in (here, there)] == [200, 200], "both have told that they are there"
    time.sleep(0.5)
    slow.most = 0
    with ThreadPoolExecutor(40) as pool:
        noisy = [pool.submit(ask, here, key, "noisy") for _ in range(10 * places)]
        eventually(lambda: slow.now == places, 5)
        time.sleep(0.3)
        quiet = [pool.submit(ask, there, other, "quiet") for _ in range(2 * places)]
        assert {each.result() for each in quiet} == {200}
        before = done.count("noisy")
        assert {each.result() for each in noisy} == {200}
    assert before <= 6 * places, "half the places were theirs while both waited, so as many of the others passed"
    assert slow.most <= places + 1, "beyond what it takes by no more than one of the other process"


def test_what_does_not_divide_goes_round() -> None:
    rounds = [divided(1, {"a": 1, "b": 1}, round_number=number) for number in range(4)]
    assert [each["a"] for each in rounds] == [(0, 1), (0, 0), (0, 1), (0, 0)]
    assert all(sum(map(sum, each.values())) == 1 for each in rounds)


def test_shares_are_by_weight_and_add_up_to_the_limit() -> None:
    for number in range(5):
        found = divided(10, {"a": 3, "b": 1, "c": 1}, round_number=number)
        assert found == {"a": (6, 0), "b": (2, 0), "c": (2, 0)}
        assert sum(map(sum, divided(7, {"a": 3, "b": 1, "c": 1}, round_number=number).values())) == 7
