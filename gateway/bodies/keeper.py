"""Keep what was caught of calls: encrypt it and write it into the spool in one thread, carry it into the database in
another. What there is no room or no disk for is let go and counted; the calls and their ledger never notice.

Content that was caught and not yet spooled is lost with a process that is killed, and so is that of calls under way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, connection

from gateway.bodies import measured
from gateway.bodies.catching import FAILED, Caught, Room, record_of
from gateway.bodies.spool import FOLDER, Spool, clear, orphans, records_of, segments
from tenants.scope import everything
from usage.bodies.storing import BodyRecord, count_unkept, store

if TYPE_CHECKING:
    from gateway.pipeline import Call

log = logging.getLogger(__name__)

# Why the answer to a call is no stored response, where it was to be one.
type Unstored = Literal[
    "has_not_failed", "too_many_at_once", "process_ends", "spool_unwritable", "broken", "too_long", "has_media",
]  # fmt: skip

CARRY_EVERY_S = 1.0
GATHER_S = 0.05  # stored responses of this long go together: who just got one may ask for it
ADOPT_EVERY_S = 5.0
BACK_OFF_S = 3.0
BATCH_RECORDS, BATCH_BYTES = 100, 8 * 1024 * 1024


class BodyKeeper:
    """The content of one event loop's calls. `take` is called in the loop; `run` is the task that carries."""

    def __init__(self, name: str, journals: Path) -> None:
        """`name` is the process's journal, in the folder `journals`."""
        self._root = journals / FOLDER
        self._name = name
        self._spool = Spool(self._root, name, settings.GATEWAY_BODY_SPOOL)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="atrium-bodies")
        self._carrying = ThreadPoolExecutor(1, thread_name_prefix="atrium-carrying")
        self.room = Room()
        self._pending = 0  # calls that wait for the writing thread; touched by the loop alone
        self._unkept: Counter[UUID] = Counter()
        self._adopted = 0.0
        self._is_connected = False  # the carrying thread has kept its connection
        self._stored = asyncio.Event()  # a response was, and somebody may ask for it at once

    def take(self, caught: Caught, call: Call, outcome: str) -> None:
        """The call has ended, and its caller was told everything. Nothing is waited for, and nothing raised."""
        self._take(caught, call, outcome)

    async def keep(self, caught: Caught, call: Call, outcome: str) -> Unstored | None:
        """The same of a call whose caller waits to be told whether its answer is stored: why it is not in the spool, as
        a response that is found by its name; None where it is. It is carried at once."""
        writing = self._take(caught, call, outcome)
        why = await asyncio.shield(writing) if isinstance(writing, asyncio.Future) else writing
        if why is None:
            self._stored.set()
        return why

    def _take(self, caught: Caught, call: Call, outcome: str) -> asyncio.Future[Unstored | None] | Unstored:
        if caught.rule.keeping.only_failed and outcome not in FAILED:
            caught.release()
            return "has_not_failed"
        if caught.is_let_go or not caught.hold(caught.request_bytes):
            return self._let_go(caught, "too_many_at_once")
        try:
            writing = asyncio.get_running_loop().run_in_executor(self._writing, self._write, caught, call, outcome)
        except RuntimeError:  # the process ends
            caught.release()
            return self._let_go(caught, "process_ends")
        self._pending += 1
        writing.add_done_callback(lambda _: self._is_written(caught))
        return writing

    def _is_written(self, caught: Caught) -> None:
        self._pending -= 1
        caught.release()

    def _write(self, caught: Caught, call: Call, outcome: str) -> Unstored | None:
        """Why it is not in the spool as a stored response; None where it is. Runs in the writing thread."""
        try:
            record = record_of(caught, call, outcome)
            self._spool.append(record)
        except OSError as error:
            log.warning("Content of a call is not kept, the spool cannot be written: %s", error)
            return self._let_go(caught, "spool_unwritable")
        except Exception:  # whatever a request holds: the call was answered, and the next one is to be kept
            log.exception("Content of a call is not kept.")
            return self._let_go(caught, "broken")
        measured.kept.inc()
        measured.waiting.set(self._spool.waiting_bytes)
        if record.is_response:
            return None
        return "too_long" if record.is_prompt_cut or record.is_answer_cut else "has_media"

    def _let_go(self, caught: Caught, reason: Unstored) -> Unstored:
        measured.unkept.labels(reason).inc()
        self._unkept[caught.rule.tenant_id] += 1
        return reason

    async def run(self) -> None:
        """Carry for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CARRY_EVERY_S):
                    await self._stored.wait()
                    await asyncio.sleep(GATHER_S)
            self._stored.clear()
            adopt = time.monotonic() - self._adopted >= ADOPT_EVERY_S and self._root.is_dir()
            if not (self._has_to_carry or adopt):
                continue
            try:
                await asyncio.get_running_loop().run_in_executor(self._carrying, self._carry, adopt)
                self._adopted = time.monotonic() if adopt else self._adopted
            except Exception as error:  # whatever it is: it is on the disk, and the next round may succeed
                log.warning("Content of calls waits on the disk, it cannot be carried: %s", error)
                await asyncio.sleep(BACK_OFF_S)

    async def close(self) -> None:
        """Write what was taken, carry it if the database is there, and let go of the files."""
        loop = asyncio.get_running_loop()
        if self._pending:
            await loop.run_in_executor(None, self._writing.shutdown)
        try:
            self._stored.clear()
            if self._has_to_carry:
                await loop.run_in_executor(self._carrying, self._carry, False)
        except Exception as error:
            log.warning("Content of calls stays on the disk for the next process: %s", error)
        finally:
            self.release()

    @property
    def _has_to_carry(self) -> bool:
        return not self._spool.is_empty or bool(self._unkept) or self._is_connected

    def release(self) -> None:
        """Let go of the files and threads at once."""
        self._writing.shutdown(wait=False)
        self._carrying.shutdown(wait=False)
        try:
            self._spool.close()
        except OSError as error:
            log.warning("The spool of content cannot be closed: %s", error)

    @everything("content of the calls of every tenant is carried into the database")
    def _carry(self, adopt: bool) -> None:
        """Runs in the carrying thread, where the ORM is at home. Its connection is kept for the next round where that
        follows at once."""
        self._is_connected = False
        try:
            for segment in self._spool.complete():
                _store(records_of(segment))
                self._spool.carried(segment)
            measured.waiting.set(self._spool.waiting_bytes)
            if self._unkept:
                counted, self._unkept = self._unkept, Counter()
                try:
                    count_unkept(counted)
                except BaseException:
                    self._unkept += counted
                    raise
            if adopt:
                _adopt(self._root, self._name)
            self._is_connected = self._stored.is_set()
        finally:
            if not self._is_connected:
                connection.close()


def _adopt(root: Path, own: str) -> None:
    """Carry and remove the spools of processes that are gone."""
    for folder, _ in orphans(root, own):
        for segment in segments(folder):
            _store(records_of(segment))
            segment.unlink()
        clear(folder)
        log.warning("Took over the content that a process left which has ended.")


def _store(records: Iterable[BodyRecord]) -> None:
    """Write them in batches. Raises what the database raises when it is gone."""
    for batch in _batches(records):
        try:
            store(batch)
        except (IntegrityError, DataError):  # of one of them; the others are none the worse for it
            for record in batch:
                try:
                    store([record])
                except (IntegrityError, DataError) as error:
                    log.error("The content of call %s is refused by the database: %s", record.id, error)


def _batches(records: Iterable[BodyRecord]) -> Iterator[list[BodyRecord]]:
    batch: list[BodyRecord] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.prompt or b"") + len(record.answer or b"")
        if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
