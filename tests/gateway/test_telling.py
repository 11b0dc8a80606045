"""Processes tell each other how deployments stand, whatever callers send and whatever goes wrong in one of them."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from catalog.models import Route
from gateway.models import ProcessReport
from gateway.routing import telling
from gateway.routing.router import Router
from tests.gateway.conftest import eventually
from tests.gateway.dialects import speaks
from tests.gateway.provider import Provider
from tests.gateway.routing import ask, router, target


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "EVERY_S", 0.05)


def test_what_a_caller_sends_neither_stops_the_telling_nor_is_shown(
    client: httpx.Client, provider: Provider, route: Route
) -> None:
    speaks("anthropic")
    eventually(lambda: client.get("/v1/models").status_code == 200)  # it has begun
    eventually(lambda: target(route, "echo").dialect == "anthropic")
    refused = ask(client, messages=[{"role": "a-secret\x00", "content": "x"}])
    assert (refused.status_code, len(provider.exchanges)) == (400, 0) and "a-secret" in refused.text
    router().last[-1][2].append((None, "told \x00\ud800 so", ""))  # whatever else may be quoted one day

    def told() -> str:
        found = ProcessReport.objects.first()
        return str(found.report) if found else ""

    eventually(lambda: "told ? so" in told())
    assert "cannot be asked what this request says" in told() and "a-secret" not in told()


def test_one_that_cannot_tell_hears_all_the_same_and_tells_again(
    monkeypatch: pytest.MonkeyPatch, client: httpx.Client, route: Route
) -> None:
    tell, heard = telling._tell, threading.Event()

    def breaks(*_: Any) -> None:
        raise ValueError("whatever")

    monkeypatch.setattr(telling, "_tell", breaks)
    monkeypatch.setattr(Router, "hears", lambda *_: heard.set())
    assert ask(client).status_code == 200
    assert heard.wait(5)
    monkeypatch.setattr(telling, "_tell", tell)
    eventually(lambda: ProcessReport.objects.count() == 1)
