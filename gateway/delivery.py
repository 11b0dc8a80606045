"""Carry what journals hold into the ledger: of the living process batch by batch, of dead ones whole.

A batch that may or may not have arrived is simply sent again: the ledger takes each call once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import batched
from pathlib import Path

from django.db import DatabaseError, DataError, IntegrityError

from gateway.journal import Journal, Position, Row, clear, ends, lines, segments
from gateway.refused import put_aside, taken
from tenants.departed import was_of_demonstration
from usage.ledger import write_rows
from usage.openings import forget
from usage.pricing import cost
from usage.taking_over import take_over

log = logging.getLogger(__name__)

BATCH = 2000
BATCH_BYTES = 4 * 1024 * 1024  # of a living journal; about as many ends


class Drain:
    """Reads the journal of this process from where it last stopped. Everything here runs in one thread of its own."""

    def __init__(self, journal: Journal, heard: Callable[[Iterable[str]], None] = lambda rows: None) -> None:
        """`heard` is told which rows the ledger has."""
        self._journal = journal
        self._heard = heard
        self._position = Position()
        self.delivered = 0

    def run(self) -> int:
        """Deliver everything that is closed; how many calls. Raises what the database raises when it is gone."""
        before = self.delivered
        if self._journal.unwritten:
            kept, self._journal.unwritten = self._journal.unwritten, []
            try:
                self._deliver(kept)
            except BaseException:
                self._journal.unwritten += kept
                raise
        needed = self._journal.needed  # never later than the current one
        current = self._journal.current  # asked before reading: nothing is added any more to the segments before it
        for segment in segments(self._journal.folder):
            if segment.name > current:
                break
            if segment.name > self._position.segment:
                self._position = Position(segment.name, 0)
            if segment.name == self._position.segment:
                while self._batch(segment):
                    pass
            if segment.name < needed:
                segment.unlink()
        return self.delivered - before

    def _batch(self, segment: Path) -> bool:
        rows, offset = ends(segment, self._position.offset, BATCH_BYTES)
        self._deliver(rows)
        has_more = offset > self._position.offset
        self._position = Position(segment.name, offset)
        return has_more

    def _deliver(self, rows: list[Row]) -> None:
        deliver(rows, self._journal.folder.parent)
        self.delivered += len(rows)
        self._heard(row["id"] for row in rows)


def deliver(rows: Sequence[Row], root: Path) -> None:
    """Write rows into the ledger; those that it refuses for what they are go into a file beside the journals."""
    if not rows:
        return
    try:
        write_rows(rows)
    except (IntegrityError, DataError):
        if len(rows) > 1:  # find out which
            middle = len(rows) // 2
            deliver(rows[:middle], root)
            deliver(rows[middle:], root)
        elif reason := _written(rows[0]):
            put_aside(rows[0], reason, root)
            forget([rows[0]["id"]])


def retry_refused(root: Path) -> tuple[int, int]:
    """Offer the ledger again what it refused: how many calls are in it now, and how many it still refuses.

    Raises what the database raises when it is gone; then nothing has changed.
    """
    return taken(root, _written) if root.is_dir() else (0, 0)


def _written(row: Row) -> str:
    """Write one call: why the ledger refuses it, empty when it is settled.

    A value that no column holds can only be the cost (`CallRecord.row` bounds the others); the call is kept without
    it, as one without a price. Calls of a tenant that was removed with the demonstration meanwhile are let go, as
    those before them were.
    """
    try:
        write_rows([row])
    except (IntegrityError, DataError) as error:
        if was_of_demonstration(row.get("tenant_id")):
            log.info("Call %s was of a tenant that went with the demonstration; let go.", row.get("id"))
            return ""
        if row.get("cost") is not None and isinstance(error, DataError):
            log.error("Call %s is kept without its cost of %s: %s", row.get("id"), row["cost"], error)
            return _written(row | {"cost": None})
        return str(error)
    return ""


def adopt_orphans(root: Path) -> int:
    """Deliver and remove the journals whose processes are dead; how many calls they held."""
    found = 0
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if (folder / "lock").is_file() and (not folder.name.startswith(".") or _is_old(folder)):
            try:
                found += _adopt(folder, root)
            except (DatabaseError, OSError):
                raise
            except Exception:  # one that cannot be understood must not keep the others waiting
                log.exception("The journal %s cannot be taken over; it stays where it is.", folder)
    return found


def _adopt(folder: Path, root: Path) -> int:
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0  # its process lives
        found = 0
        for rows in batched(ends_of(folder), BATCH):
            deliver(rows, root)
            found += len(rows)
        # What the disk lost of it (after a loss of power) may be in the database.
        found += take_over(folder.name, partial(keep_interrupted, root))
        clear(folder)
    except FileNotFoundError:
        return 0  # another process adopted it while we waited for our turn
    finally:
        os.close(lock)
    if found:
        log.warning("Took over %s calls from the journal of a process that has ended.", found)
    return found


def ends_of(folder: Path) -> Iterator[Row]:
    """How each call of a dead process ended; those without an end as interrupted, with what was known of them.

    A journal can be as long as a database was away, so only the calls that run at the point reached are held.
    """
    running: dict[str, Row] = {}
    for segment in segments(folder):
        for line, _ in lines(segment, 0, 1 << 60):
            match line:
                case {"open": row}:
                    running[row["id"]] = row
                case {"progress": row} if row["id"] in running:
                    running[row["id"]] |= row
                case {"close": row}:
                    running.pop(row["id"], None)
                    yield row
    yield from map(priced, running.values())


def keep_interrupted(root: Path, openings: Iterable[Row]) -> None:
    """Deliver calls of which nothing but their openings is known."""
    deliver([priced(row) for row in openings], root)


class _RowPrices:
    """The unit prices that a row froze when its call began."""

    def __init__(self, row: Row) -> None:
        self.input_per_million = Decimal(row["input_per_million"])
        self.output_per_million = Decimal(row["output_per_million"])
        cached = row["cached_input_per_million"]
        self.cached_input_per_million = None if cached is None else Decimal(cached)
        written = row.get("cache_write_per_million")  # a journal of an earlier release has none
        self.cache_write_per_million = None if written is None else Decimal(written)


def priced(row: Row) -> Row:
    """The row with the cost of the tokens that it holds; without a price it stays without a cost."""
    if row["input_per_million"] is None:
        return row
    written = row.get("cache_write_tokens") or 0
    amount = cost(_RowPrices(row), row["input_tokens"], row["output_tokens"], row["cached_input_tokens"], written)
    return row | {"cost": format(amount, "f")}


def _is_old(folder: Path) -> bool:
    """A hidden folder is being made right now, or its maker died in the middle of that."""
    return folder.stat().st_mtime < time.time() - 60
