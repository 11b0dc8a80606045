"""Keep the snapshot fresh: what changed is read when Postgres notifies, and looked for now and then; it is kept when
Postgres is gone.

A notification that got lost is made good by the next look at the notes of changes; one that arrives is in force within
a few hundredths of a second. Everything is read anew when a connection begins, and rarely else, for what was changed by
hand. Calls never wait for any of it, except the very first of a process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg

from gateway import telemetry
from gateway.loading import connect, load, refresh
from gateway.snapshot import Snapshot
from tenants.changes import CHANNEL

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
RELOAD_EVERY_S = 600.0
GATHER_S = 0.02  # several changes of one moment make one refresh
GIVE_UP_S = 20.0  # on a database that accepts a question and never answers
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.1, 5.0


class SnapshotKeeper:
    """Holds the current snapshot of one event loop; `run` is the task that keeps it fresh."""

    def __init__(self, on_fresh: Callable[[Snapshot], None] = lambda snapshot: None) -> None:
        """`on_fresh` is told of every new snapshot."""
        self._on_fresh = on_fresh
        self.snapshot: Snapshot | None = None
        self.stale_since: dt.datetime | None = None  # when a refresh first failed; None while the snapshot is fresh
        self.trouble = ""  # the kind of failure, for those who keep it running
        self._tried = asyncio.Event()  # the first load has succeeded or failed
        self._reloaded = 0.0

    async def first(self) -> Snapshot | None:
        """The snapshot, after waiting for the first attempt to load one; None when that failed."""
        if self.snapshot is None:
            await self._tried.wait()
        return self.snapshot

    async def run(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            try:
                async with asyncio.timeout(GIVE_UP_S):
                    connection = await connect()
                async with connection:
                    await self._begin(connection)
                    back_off_s = FIRST_BACK_OFF_S
                    while True:
                        await self._wait(connection)
                        await self._read(connection)
            except Exception as error:  # whatever it is: a snapshot that is never refreshed keeps revoked keys alive
                self._failed(error)
            await asyncio.sleep(back_off_s)
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    def _failed(self, error: Exception) -> None:
        kind = type(error).__name__
        if isinstance(error, (psycopg.Error, OSError, TimeoutError)):
            if self.stale_since is None:
                log.warning("The database is unreachable, serving from the last snapshot: %s", error)
        elif kind != self.trouble:  # once, not with each attempt
            log.error("The snapshot cannot be read, serving from the last one.", exc_info=error)
        self.stale_since = self.stale_since or dt.datetime.now(dt.UTC)
        self.trouble = kind
        telemetry.is_stale(True)
        self._tried.set()

    async def _begin(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            await connection.execute(f"LISTEN {CHANNEL}")  # first, so that nothing can change unnoticed in between
            self._is_fresh(await load(connection, self.snapshot))
        self._reloaded = time.monotonic()

    async def _wait(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Until something changed, or it is time to look."""
        async for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
            await asyncio.sleep(GATHER_S)
        async for _ in connection.notifies(timeout=0):
            pass  # they all say the same: look

    async def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        held = self.snapshot
        async with asyncio.timeout(GIVE_UP_S):
            if held is None or time.monotonic() - self._reloaded > RELOAD_EVERY_S:
                self._is_fresh(await load(connection, held))
                self._reloaded = time.monotonic()
            else:
                self._is_fresh(await refresh(connection, held))

    def _is_fresh(self, snapshot: Snapshot) -> None:
        is_other = self.snapshot is None or snapshot.version != self.snapshot.version
        self.snapshot = snapshot
        if is_other:
            self._on_fresh(snapshot)
        if self.stale_since is not None:
            log.warning("The snapshot is fresh again.")
        self.stale_since, self.trouble = None, ""
        telemetry.is_stale(False)
        self._tried.set()
