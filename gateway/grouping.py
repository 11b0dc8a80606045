"""Calls that wait for the same thing at the same moment wait for it once: while one group is being written, the next
one gathers.

When a group cannot be written none of it may go on, and for a moment nobody else may either, so that a disk or a
database in trouble is not asked by each call anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from psycopg import Error as DatabaseError

from gateway import telemetry
from refusals import Refusal

log = logging.getLogger(__name__)

PAUSE_S = 1.0  # after a failure


class Group:
    """The groups of one event loop, one after the other."""

    def __init__(self, write: Callable[[list[bytes]], Awaitable[None]], refused: Callable[[], Refusal]) -> None:
        """`write` keeps the rows of a group (JSON), or raises; `refused` makes what its calls are told."""
        self._write, self._refused = write, refused
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._is_due = self._has_failed = False
        self._task: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raises the refusal as long as it is known that nothing can be kept. One call a moment may try."""
        if self._has_failed and self._task is not None:
            raise self._refused()

    def add(self, row: bytes) -> asyncio.Future[None]:
        """To be awaited: the next group keeps `row`, or refuses its call."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        self.due()
        return future

    def due(self) -> None:
        """There is something to write, though nobody waits for it."""
        self._is_due = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def end(self) -> None:
        """Wait until everything that is due has been written, or could not be."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                group, self._waiting = self._waiting, []
                began = time.monotonic()
                try:
                    await self._write([row for row, future in group if not future.done()])  # done: its caller has left
                except Exception as error:  # whatever it is: a call that is not kept does not go on
                    told = None if isinstance(error, (OSError, DatabaseError)) else error
                    log.error("Calls are refused, their openings cannot be kept: %s", error, exc_info=told)
                    self._has_failed = True
                    late, self._waiting = self._waiting, []
                    for _, future in (*group, *late):
                        if not future.done():
                            future.set_exception(self._refused())
                    await asyncio.sleep(PAUSE_S)
                    continue
                self._has_failed = False
                if group:
                    telemetry.kept(time.monotonic() - began)
                for _, future in group:
                    if not future.done():
                        future.set_result(None)
        finally:
            self._task = None
