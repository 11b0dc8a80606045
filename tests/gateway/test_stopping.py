"""Stopping the web server: short calls end, long streams are told so before their connection goes, all are settled."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.models import Route
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Exchange, Provider, chunk
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


@pytest.fixture
def web(team: Cast, tmp_path: Path) -> Iterator[Killable]:
    """Where `atrium web` runs."""
    made = Killable(tmp_path / "data")
    yield made
    made.stop()


def words(count: int, every_s: float) -> Any:
    async def behaviour(exchange: Exchange) -> None:
        if not exchange.body.get("stream"):
            await asyncio.sleep(count * every_s)
        await exchange.head(kind="text/event-stream")
        for _ in range(count):
            await exchange.event(chunk(" word"))
            await asyncio.sleep(every_s)
        await exchange.event(chunk(finish="stop"))
        await exchange.event(b"[DONE]")
        await exchange.end()

    return behaviour


class Asking(threading.Thread):
    """A client that reads its answer to the end, however it ends."""

    def __init__(self, url: str, key: str, **asked: Any) -> None:
        super().__init__()
        self._sent = {"url": f"{url}/v1/chat/completions", "headers": {"authorization": f"Bearer {key}"}}
        self._asked = ASKED | asked
        self.text, self.status, self.retry_after, self.trouble = "", 0, "", ""
        self.start()

    def run(self) -> None:
        try:
            with httpx.stream("POST", **self._sent, json=self._asked, timeout=20) as answer:  # type: ignore[arg-type]
                self.status, self.retry_after = answer.status_code, answer.headers.get("retry-after", "")
                for piece in answer.iter_text():
                    self.text += piece
        except httpx.HTTPError as error:
            self.trouble = repr(error)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_long_streams_are_told_and_short_ones_end(
    web: Killable, provider: Provider, route: Route, key: str, number: signal.Signals
) -> None:
    process, url = web.start("portal.command", "web")
    provider.behaves(words(1000, 0.05))
    long = [Asking(url, key, stream=True) for _ in range(5)]
    eventually(lambda: all(each.text for each in long), within_s=5)
    whole = Asking(url, key)
    eventually(lambda: len(provider.exchanges) == 6)
    provider.behaves(words(20, 0.05))
    short = Asking(url, key, stream=True)
    eventually(lambda: short.text, within_s=5)
    began = time.monotonic()
    process.send_signal(number)
    for each in (*long, whole, short):
        each.join(10)
    process.wait(10)
    assert time.monotonic() - began < 3.8, "nobody had to be killed"
    for each in long:
        error = json.loads(each.text.strip().split("\n\n")[-1].removeprefix("data: "))["error"]
        assert (each.trouble, error["code"]) == ("", "shutting_down") and "send the request again" in error["message"]
    assert (whole.status, whole.retry_after) == (503, "5") and "shutting_down" in whole.text
    assert short.text.endswith("data: [DONE]\n\n")
    kept(7)
    outcomes = sorted(Call.objects.values_list("outcome", "status", "error_code"))
    streams = [("interrupted", 200, "shutting_down")] * 5
    assert outcomes == [*streams, ("interrupted", 503, "shutting_down"), ("ok", 200, "")]
