"""The gateway for code of this process (the playground): the same pipeline that `/v1` uses, without HTTP.

call = await open_call(caller, {"model": "smollm2", "messages": […]}, request_id=…)
async for chunk in call:      # chat.completion.chunk objects as dicts
    …
call.summary                  # what came of it: outcome, tokens, cost, why it failed
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from gateway.caller import Caller
from gateway.conditions import stated
from gateway.forms.chat import CHAT, is_usage_alone
from gateway.forms.form import sent_event
from gateway.loading import connect, load
from gateway.metering import CallSummary
from gateway.pipeline import Call, begin
from gateway.runtime import NotReady, current_snapshot, runtime
from gateway.snapshot import Snapshot
from refusals import Refusal

__all__ = ["CallSummary", "Caller", "OpenCall", "open_call", "routes_for"]

SETTLE_WITHIN_S = 5.0


class OpenCall:
    """A call under way. Iterate over it once; what goes wrong at the provider ends it and is told by `summary`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._chunks: AsyncGenerator[dict[str, Any]] | None = None

    @property
    def call_id(self) -> UUID:
        return self._call.id

    @property
    def summary(self) -> CallSummary | None:
        """What came of it; None while it is under way."""
        return self._call.summary

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        if self._chunks is None:
            self._chunks = self._read()
        return self._chunks

    async def _read(self) -> AsyncGenerator[dict[str, Any]]:
        try:
            async with aclosing(self._call.events()) as events:
                async for event in events:
                    if not is_usage_alone(event.chunk):
                        if self._call.caught is not None:
                            self._call.caught.told(sent_event(orjson.dumps(event.chunk)))
                        yield event.chunk
        except Refusal:
            return  # the summary tells
        finally:
            self._call.settle()
            self._call.told_all()

    async def aclose(self) -> None:
        """Break off the provider's call if it is under way, and settle. May be called from any task, at any time."""
        self._call.stop()
        try:
            if self._chunks is not None:
                await self._chunks.aclose()
        except RuntimeError:  # another task reads it at this moment; it notices the stop and settles
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_WITHIN_S):
                    await self._call.ended.wait()
        finally:
            self._call.settle()


async def open_call(caller: Caller, body: dict[str, Any], *, request_id: str, purpose: str = "") -> OpenCall:
    """Admit a chat request of `caller`, answered as a stream. The provider is called when iteration begins.

    `purpose` is what they say that it is for, as `x-atrium-purpose` does.

    Raises `InvalidRequest`, what `gateway.admission` refuses (`AccessRequired` carries the way to ask) and `NotReady`.
    """
    asked = CHAT.read({**body, "stream": True})
    if purpose:
        asked = replace(asked, stated=stated(purpose, ""))
    return OpenCall(await begin(await runtime(), caller, asked, request_id))


def routes_for(environment_id: UUID) -> list[str]:
    """The routes that an environment may call now, by name."""
    snapshot = current_snapshot() or _read_once()
    return [route.slug for route in snapshot.granted_routes(environment_id, dt.datetime.now(dt.UTC))]


def _read_once() -> Snapshot:
    """A snapshot of this moment, for a process that runs no gateway (a command, a synchronous test)."""
    found: list[Snapshot] = []

    async def read() -> None:
        async with await connect() as connection:
            found.append(await load(connection))

    thread = threading.Thread(target=lambda: asyncio.run(read()))  # the caller may be inside a loop of its own
    thread.start()
    thread.join()
    if not found:
        raise NotReady("The gateway cannot reach its database.", retry_after_s=2)
    return found[0]
