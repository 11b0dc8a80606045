"""Gateways in processes of their own tell how deployments stand, and one that is killed is no longer counted."""

from __future__ import annotations

import signal
from typing import Any

import httpx
from django.test import Client

from catalog.models import Route
from gateway.models import ProcessReport
from gateway.routing.breakers import FAILURES
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, eventually
from tests.gateway.killable import Killable
from tests.gateway.provider import Provider
from tests.gateway.routing import also_at


def test_the_page_shows_all_processes_and_the_dead_vanish(
    killable: Killable, provider: Provider, route: Route, key: str, team: Cast
) -> None:
    provider.behaves(answers(500, b"{}"))
    with Provider() as other:
        also_at(route, "other", other.url, tier=2)
        page = Client()
        page.force_login(team.pat)
        started = [killable.start(), killable.start()]

        def ask(url: str) -> str:
            asked = {"model": "echo-model", "messages": HELLO}
            answer = httpx.post(
                f"{url}/v1/chat/completions", json=asked, headers={"authorization": f"Bearer {key}"}, timeout=20
            )
            assert answer.status_code == 200
            return answer.headers["x-atrium-deployment"]

        def told() -> Any:
            return page.get("/api/platform/routing/").json()

        (first, at_first), (second, at_second) = started
        assert {ask(at_first) for _ in range(FAILURES)} == {"other/other-name"}
        ask(at_second)
        pids = {first.pid, second.pid}
        eventually(lambda: {each["pid"] for each in told()["processes"]} == pids, within_s=10)
        bad, good = eventually(
            lambda: (found := told()["routes"][0]["deployments"])[0]["calls"] == FAILURES + 1 and found, within_s=10
        )
        assert bad["state"] == "breaker_open" and "in 1 of 2 processes" in bad["why"]
        assert (bad["failed"], good["calls"], good["failed"]) == (FAILURES + 1, FAILURES + 1, 0)
        assert (bad["share"], good["share"]) == (0.5, 0.5)

        for _ in range(2):  # the second tells how it stands, and hears from the first, every two seconds
            before = ProcessReport.objects.get(pid=second.pid).at
            eventually(lambda before=before: ProcessReport.objects.get(pid=second.pid).at > before, within_s=20)
        asked = len(provider.exchanges)
        eventually(lambda: ask(at_second) and "in 2 of 2 processes" in told()["routes"][0]["deployments"][0]["why"], 10)
        assert len(provider.exchanges) <= asked + 1, "the second took one failure of its own, not five"

        first.send_signal(signal.SIGKILL)
        eventually(lambda: [each["pid"] for each in told()["processes"]] == [second.pid], within_s=20)
