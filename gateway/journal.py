"""The journal of one process (of each event loop in it): what calls it began and how they ended, written before
anybody waits for a database.

A line is appended by one `os.write`, so it is in the kernel's hands when the call goes on and survives `kill -9` of
the process. The folder `<journal>/<name>/` holds `lock`, locked as long as its process lives, and numbered segments.
A segment that is full is followed by a new one that repeats the openings of the calls still running, so a segment
whose closings are in the ledger is no longer needed by anybody. A new one is written under a name that nobody reads
and appears under its own when it is whole, so a disk that fills up in between leaves the old one in force.

Lines are JSON: `{"open": row}`, `{"progress": {"id": …, changed columns}}`, `{"close": row}`, each row in the form of
`usage.calls.CallRecord.row`. An opening is already the row of an interrupted call.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from refusals import Refusal

log = logging.getLogger(__name__)

SEGMENT_BYTES = 4 * 1024 * 1024
Row = dict[str, Any]


class JournalUnwritable(Refusal):
    """Without an opening in the journal no call may reach a provider: it could be lost."""

    code = "journal_unwritable"
    status = 503
    title = "The gateway cannot write its journal"


class Journal:
    """Writes the lines of one event loop. Only `closed` never fails: what it cannot write it keeps in `unwritten`."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{time.time_ns() // 1_000_000:x}-{os.getpid()}-{secrets.token_hex(4)}"
        hidden = root / f".{name}"  # nobody may adopt it before it is locked
        hidden.mkdir(mode=0o700)
        self._lock = os.open(hidden / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.folder = root / name
        hidden.rename(self.folder)
        self.closings = 0
        self.unwritten: list[Row] = []
        self._running: dict[str, Row] = {}
        self._number, self._file, self._size = 0, -1, 0
        self._is_torn = False
        try:
            self._next_segment()
        except OSError:
            self.release()  # else this process would keep its own empty folder from being cleared away
            raise

    @property
    def running(self) -> int:
        """Calls opened and not closed."""
        return len(self._running)

    def opened(self, row: Row) -> None:
        """Before the provider is called. Raises `JournalUnwritable` (disk full, folder gone): then it must not be."""
        try:
            self._append(b'{"open":', row)
        except OSError as error:
            log.error("The journal cannot be written: %s", error)
            raise JournalUnwritable(
                "The gateway cannot keep account of calls at the moment and therefore makes none. "
                "The platform team has to look at its disk; please try again later.",
                retry_after_s=10,
            ) from error
        self._running[row["id"]] = row

    def progressed(self, changed: Row) -> None:
        """What has been used so far, in case nobody lives to tell the end."""
        self._running[changed["id"]] = self._running[changed["id"]] | changed
        try:
            self._append(b'{"progress":', changed)
        except OSError as error:
            log.error("The journal cannot be written: %s", error)

    def closed(self, row: Row) -> None:
        """How the call ended."""
        self._running.pop(row["id"], None)
        self.closings += 1
        try:
            self._append(b'{"close":', row)
        except OSError as error:
            log.error("The journal cannot be written, a call's end is kept in memory: %s", error)
            self.unwritten.append(row)

    def release(self) -> None:
        """Let go of the files; what is still in them is adopted by whoever looks next."""
        self._write_again()
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def remove(self, delivered: int) -> bool:
        """Delete the files and let go of them, if the ledger has every end (`delivered` of them) and no call runs.

        False says that something is still owed; then the files stay for whoever looks next.
        """
        if self._running or self.unwritten or delivered < self.closings:
            return False
        clear(self.folder)
        self.release()
        return True

    @property
    def current(self) -> str:
        """The name of the segment that lines are added to; those before it are complete, there are none after it."""
        return _segment_name(self._number)

    def _append(self, opening: bytes, row: Row) -> None:
        line = opening + orjson.dumps(row) + b"}\n"
        if self._is_torn:
            line = b"\n" + line
        written = os.write(self._file, line)
        if written < len(line):  # a full disk takes a part; the next line must not be glued to it
            self._is_torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._is_torn = False
        self._size += written
        if self._size > SEGMENT_BYTES:
            try:
                self._next_segment()
            except OSError as error:  # this line is written; go on in the same segment until as much again is in it
                self._size = 0
                log.error("A new segment of the journal cannot be begun: %s", error)

    def _next_segment(self) -> None:
        name = _segment_name(self._number + 1)
        unfinished = self.folder / f".{name}.part"
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        following = os.open(unfinished, flags, 0o600)
        try:
            # An end that could not be written goes along as an opening: it says how the call ended all the same.
            repeated = [*self._running.values(), *self.unwritten]
            content = b"".join(b'{"open":' + orjson.dumps(row) + b"}\n" for row in repeated)
            if content and os.write(following, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            unfinished.rename(self.folder / name)
        except BaseException:
            os.close(following)
            unfinished.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._number, self._file, self._size = self._number + 1, following, 0

    def _write_again(self) -> None:
        """A last attempt at the ends that could not be written, before they are gone with this process."""
        if self._file >= 0 and self.unwritten:
            kept, self.unwritten = self.unwritten, []
            try:
                for row in kept:
                    self._append(b'{"close":', row)
            except OSError as error:
                log.error("The journal cannot be written, %s calls stay without their end: %s", len(kept), error)


class Position(NamedTuple):
    """How far a journal was read: a segment's name and bytes of it."""

    segment: str = ""
    offset: int = 0


def segments(folder: Path) -> list[Path]:
    """The segments of a journal in the order in which they were written."""
    return sorted(folder.glob("*.jsonl"))


def clear(folder: Path) -> None:
    """Delete a journal, its lock last. Raises `FileNotFoundError` when somebody else has done it."""
    for file in folder.iterdir():
        if file.name != "lock":
            file.unlink(missing_ok=True)
    (folder / "lock").unlink(missing_ok=True)
    folder.rmdir()


def lines(segment: Path, offset: int, at_most: int) -> Iterator[tuple[Row, int]]:
    """The whole lines of a segment from `offset` on, each with the offset behind it; torn ones are passed over."""
    with segment.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n") or at_most <= 0:
                return
            offset += len(line)
            at_most -= 1
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            yield row, offset


def _segment_name(number: int) -> str:
    return f"{number:08}.jsonl"
