"""Keep the snapshot fresh: refreshed when Postgres notifies, reloaded whole now and then, kept when Postgres is gone.

A notification that got lost is made good by the periodic reload; one that arrives is in force within a few
hundredths of a second. Calls never wait for any of it, except the very first of a process.
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
from gateway.loading import connect, load
from gateway.snapshot import Snapshot
from tenants.changes import CHANNEL

log = logging.getLogger(__name__)

RELOAD_EVERY_S = 30.0
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
                    await self._refresh(connection, set(), listen=True)
                    back_off_s = FIRST_BACK_OFF_S
                    while True:
                        await self._refresh(connection, await self._changes(connection))
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

    async def _changes(self, connection: psycopg.AsyncConnection[Any]) -> set[str]:
        """The kinds of what changed; empty when it is time to reload everything."""
        kinds: set[str] = set()
        patience_s = max(0.0, self._reloaded + RELOAD_EVERY_S - time.monotonic())
        async for notice in connection.notifies(timeout=patience_s, stop_after=1):
            kinds.add(notice.payload)
        if kinds:
            await asyncio.sleep(GATHER_S)
            async for notice in connection.notifies(timeout=0):
                kinds.add(notice.payload)
        return kinds

    async def _refresh(
        self, connection: psycopg.AsyncConnection[Any], kinds: set[str], *, listen: bool = False
    ) -> None:
        async with asyncio.timeout(GIVE_UP_S):
            if listen:  # before reading, so that nothing can change unnoticed in between
                await connection.execute(f"LISTEN {CHANNEL}")
            self.snapshot = await load(connection, self.snapshot, kinds)
        self._on_fresh(self.snapshot)
        if not kinds:
            self._reloaded = time.monotonic()
        if self.stale_since is not None:
            log.warning("The snapshot is fresh again.")
        self.stale_since, self.trouble = None, ""
        telemetry.is_stale(False)
        self._tried.set()
