"""Tell other gateway processes what was counted here, and hear what they count: PostgreSQL NOTIFY, ten times a second.

While the database is away each process counts alone, so limits hold for each by itself. Otherwise processes together go
beyond a limit by no more than what the others admit in the `GATHER_S` and the moment that a message takes. A process
that has just begun asks the others for what they know.

A message is JSON: `p` who sends it; `c` counts since the last one as [place, metric, count]; `r` calls under way as
[place, count]; `hello` from who has begun; `w` all that counts, as [place, metric, [[age, count], …]], in answer to it;
`q` what waits for deployments, as [place, weight], all of it;
`recall` a budget of which somebody wants what others do not need; `bye`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import orjson
import psycopg

from gateway.leases import Leases
from gateway.loading import connect
from gateway.queueing.among_processes import Shares
from gateway.queueing.waiting import WaitingRoom
from gateway.rates import Rates

log = logging.getLogger(__name__)

CHANNEL = "atrium_counts"
GATHER_S = 0.1
HEARTBEAT_S = 5.0
LARGEST = 7_000  # bytes; PostgreSQL takes 7,999
MOST_WAITED_FOR = 120  # deployments, in one message
A_MESSAGE = 60  # entries, each some 60 bytes
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.2, 5.0


class Sharing:
    """The exchange of one event loop. It begins with the first call that something limits (`begin`)."""

    def __init__(self, rates: Rates, leases: Leases, room: WaitingRoom, shares: Shares, name: str) -> None:
        self._rates, self._leases, self._name = rates, leases, name
        self._room, self._shares = room, shares
        self._told_waiting: dict[UUID, int] = {}
        self._peers: set[str] = set()
        self._newcomers: set[str] = set()
        self._told_running: dict[UUID, int] = {}
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin, if that is not done yet."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def changed(self) -> None:
        """There is something to tell."""
        self._something.set()

    async def end(self) -> None:
        """Stop telling and hearing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            try:
                async with await connect() as listening, await connect() as telling:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    try:
                        await self._tell(telling, {"hello": 1})
                        back_off_s = FIRST_BACK_OFF_S
                        async with asyncio.TaskGroup() as tasks:
                            tasks.create_task(self._hear(listening))
                            tasks.create_task(self._tell_for_ever(telling))
                    finally:
                        with suppress(psycopg.Error, OSError):
                            await self._tell(telling, {"bye": 1})
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever it is: limits hold for this process alone, and it tries again
                log.warning("Other processes cannot be told what is counted here: %s", _first_of(error))
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    # --- telling -----------------------------------------------------------------------------------------------------

    async def _tell_for_ever(self, connection: psycopg.AsyncConnection[Any]) -> None:
        heartbeat = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._something.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._something.clear()
            is_heartbeat = time.monotonic() - heartbeat >= HEARTBEAT_S
            heartbeat = time.monotonic() if is_heartbeat else heartbeat
            for message in list(self._messages(is_heartbeat)):
                await self._tell(connection, message)

    def _messages(self, is_heartbeat: bool) -> Iterator[dict[str, Any]]:
        counted, running = self._rates.untold()
        if not self._peers:
            self._told_running = {}
            return
        waiting = self._room.weights()
        if waiting != self._told_waiting or (waiting and (is_heartbeat or self._newcomers)):
            self._told_waiting = waiting
            told_waiting = sorted(waiting.items(), key=lambda each: -each[1])[:MOST_WAITED_FOR]
            yield {"q": [[place.hex, weight] for place, weight in told_waiting]}
        newcomers, self._newcomers = self._newcomers, set()
        if newcomers:
            self._told_running = {}
        gone = {place: 0 for place in self._told_running if place not in running}
        changed = {place: n for place, n in running.items() if is_heartbeat or self._told_running.get(place) != n}
        self._told_running = running
        counts = [[place.hex, metric, count] for (place, metric), count in counted.items()]
        calls = [[place.hex, count] for place, count in (changed | gone).items()]
        while counts or calls:
            some, counts = counts[:A_MESSAGE], counts[A_MESSAGE:]
            few, calls = calls[:A_MESSAGE], calls[A_MESSAGE:]
            yield {"c": some, "r": few}
        told = self._rates.whole() if newcomers else {}
        for (place, metric), pairs in told.items():  # after the counts, which it holds too
            yield from ({"to": newcomer, "w": [[place.hex, metric, pairs]]} for newcomer in newcomers)
        while self._leases.recalls:
            yield {"recall": self._leases.recalls.pop().hex}

    async def _tell(self, connection: psycopg.AsyncConnection[Any], message: dict[str, Any]) -> None:
        body = orjson.dumps({"p": self._name, **message}).decode()
        if len(body) > LARGEST:
            log.error("A message to other processes is too long and is left out.")
            return
        await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, body])

    # --- hearing -----------------------------------------------------------------------------------------------------

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async for notice in connection.notifies():
            message = orjson.loads(notice.payload)
            if message["p"] != self._name:
                self._heard(message)

    def _heard(self, message: dict[str, Any]) -> None:
        peer: str = message["p"]
        if "bye" in message:
            self._peers.discard(peer)
            self._rates.forget(peer)
            self._shares.forget(peer)
            return
        if peer not in self._peers or "hello" in message:
            self._peers.add(peer)
            self._newcomers.add(peer)
            self._something.set()
        for place, metric, count in message.get("c", ()):
            self._rates.heard(UUID(place), metric, count)
        if running := message.get("r"):
            self._rates.heard_running(peer, {UUID(place): count for place, count in running})
        if (waiting := message.get("q")) is not None:
            self._shares.heard(peer, {UUID(place): weight for place, weight in waiting})
            self._room.room()
        if message.get("to") == self._name:
            for place, metric, pairs in message["w"]:
                self._rates.heard_whole(UUID(place), metric, pairs)
        if "recall" in message:
            self._leases.recall(UUID(message["recall"]))


def _first_of(error: Exception) -> BaseException:
    """The reason within a group of tasks."""
    return _first_of(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
