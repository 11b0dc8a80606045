"""`atrium gateway`: the gateway without the portal, in several processes on one port."""

from __future__ import annotations

import subprocess
import sys

import httpx
import psutil
import pytest

from catalog.models import Route
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Provider


def test_it_works(killable: Killable, provider: Provider, route: Route, key: str) -> None:
    server, url = killable.start("portal.command", "gateway", "--workers", "2")
    eventually(lambda: len(psutil.Process(server.pid).children()) == 2, within_s=30)
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20) as client:
        for _ in range(4):
            answer = client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
            assert answer.json()["choices"][0]["message"]["content"] == "Well, this is it."
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = eventually(lambda: (told := client.get("/readyz")).status_code == 200 and told.json(), within_s=20)
        assert ready["status"] == "ok" and ready["gateway"]["snapshot_version"] >= 1
        page = client.get("/")
        assert (page.status_code, page.json()["error"]["code"]) == (404, "unknown_url")
    kept(4, within_s=10)
    # A process that dies is started again; its calls are carried into the ledger by the one that lives.
    victim, *_ = psutil.Process(server.pid).children()
    victim.kill()
    eventually(lambda: victim.pid not in _children(server.pid) and len(_children(server.pid)) == 2, within_s=30)
    assert httpx.get(f"{url}/healthz").status_code == 200


def _children(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_number_of_processes_that_is_none_is_refused(workers: str) -> None:
    command = [sys.executable, "-m", "portal.command", "gateway", f"--workers={workers}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert f"{workers!r} is not a whole number from 1 up" in ended.stderr and ended.stderr.count("\n") == 1
