"""Keep openings on the disk of this machine: all calls that wait at a moment share one `fsync` of the journal, in a
thread. What was written without anybody waiting for it (ends, what a stream has used so far) goes along with it.

An `fsync` that failed says nothing of what it was asked for, and the next one on the same file may succeed although
that is lost. So what comes after it goes into a new segment, which repeats what runs, and ends that were not seen to be
on the disk are kept in memory until the ledger has them.

One that does not return cannot be taken back either. Calls wait for it for a moment, then none is made until it has.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.grouping import Group
from gateway.journal import Journal, Unsynced, unwritable

WITHIN_S = 5.0  # a call waits no longer for the disk


class Syncing:
    """The `fsync` of one event loop's journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="atrium-sync")
        self._group = Group(self._write, unwritable)
        self._under_way: tuple[Unsynced, asyncio.Future[None]] | None = None
        journal.remembers_unsynced()

    def check(self) -> None:
        self._group.check()

    def opened(self, row: bytes) -> asyncio.Future[None]:
        return self._group.add(row)

    def closed(self) -> None:
        self._group.due()

    async def end(self) -> None:
        await self._group.end()
        self._thread.shutdown(wait=False)

    async def _write(self, rows: list[bytes]) -> None:
        """The rows are in the journal already; with everything before them."""
        if self._under_way is not None:  # one that was given up; of this group it holds nothing
            await self._settle()
        unsynced = self._journal.unsynced()
        self._under_way = unsynced, asyncio.get_running_loop().run_in_executor(self._thread, _sync, unsynced)
        await self._settle()

    async def _settle(self) -> None:
        """Wait for what is under way. Raises `OSError`; after `TimeoutError` it still is."""
        assert self._under_way is not None  # noqa: S101
        unsynced, syncing = self._under_way
        done, _ = await asyncio.wait({syncing}, timeout=WITHIN_S)
        if not done:
            raise TimeoutError(f"the disk has not answered within {WITHIN_S:g} seconds")
        self._under_way = None
        try:
            syncing.result()
        except OSError:
            self._journal.was_not_synced(unsynced)
            raise
        self._journal.was_synced(unsynced)


def _sync(unsynced: Unsynced) -> None:
    for file in unsynced.files:
        os.fsync(file)
    for folder in unsynced.folders:  # else the name of a new segment could be missing
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
