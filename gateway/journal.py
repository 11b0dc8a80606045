"""The journal of one process (of each event loop in it): what calls it began and how they ended, written before
anybody waits for a database.

A line is appended by one `os.write`, so it is in the kernel's hands when the call goes on and survives `kill -9` of
the process. The folder `<journal>/<name>/` holds `lock`, locked as long as its process lives, and numbered segments.
A segment that is full is followed by a new one that repeats the openings of the calls still running, so a segment
whose closings are in the ledger is no longer needed by anybody. A new one is written under a name that nobody reads
and appears under its own when it is whole, so a disk that fills up in between leaves the old one in force.

What keeps openings beyond the process, where that is asked for, is `gateway.durability`'s to say.

Lines are JSON: `{"open": row}`, `{"progress": {"id": …, changed columns}}`, `{"close": row}`, each row in the form of
`usage.calls.as_row`. An opening is already the row of an interrupted call. Rows come as JSON (`gateway.row_json`).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from refusals import Refusal

if TYPE_CHECKING:
    from gateway.durability import Keeping

log = logging.getLogger(__name__)

SEGMENT_BYTES = 4 * 1024 * 1024
_CLOSED = b'{"close":'  # how the line of an end begins
Row = dict[str, Any]


class JournalUnwritable(Refusal):
    """Without an opening in the journal no call may reach a provider: it could be lost."""

    code = "journal_unwritable"
    status = 503
    title = "The gateway cannot write its journal"


def unwritable() -> JournalUnwritable:
    """What a call is told that cannot be kept account of."""
    return JournalUnwritable(
        "The gateway cannot keep account of calls at the moment and therefore makes none. "
        "The platform team has to look at its disk; please try again later.",
        retry_after_s=10,
    )


class Open(NamedTuple):
    """A call under way: the row that it was opened with, and what has changed in it."""

    opening: bytes
    changed: Row | None = None

    def after(self, changed: Row) -> Open:
        """With more of it changed."""
        return Open(self.opening, changed if self.changed is None else self.changed | changed)

    def row(self) -> bytes:
        """Its row by now."""
        return self.opening if self.changed is None else orjson.dumps(orjson.loads(self.opening) | self.changed)


class Unsynced(NamedTuple):
    """What has to be on the disk so that everything written so far is: `files` (those of `former` segments are open for
    this alone) and the names in `folders`. `ends` were written since the last time, `number` is the segment in force.
    """

    files: list[int]
    former: list[int]
    folders: list[Path]
    ends: list[bytes]
    number: int


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
        self._running: dict[str, Open] = {}
        self._number, self._file, self._size = 0, -1, 0
        self._is_torn = False
        self.keeping: Keeping | None = None
        self._unsynced_ends: list[bytes] | None = None  # None: nobody asks what is on the disk
        self._former: list[int] = []
        self._names_in: list[Path] = []
        self._synced, self._is_distrusted = 0, False
        try:
            self._next_segment()
        except OSError:
            self.release()  # else this process would keep its own empty folder from being cleared away
            raise

    @property
    def running(self) -> int:
        """Calls opened and not closed."""
        return len(self._running)

    def opened(self, call_id: str, row: bytes) -> asyncio.Future[None] | None:
        """Before the provider is called. Raises `JournalUnwritable` (disk full, folder gone): then it must not be.

        What is returned, if anything, has to be awaited first (`Keeping.opened`).
        """
        if self.keeping is not None:
            self.keeping.check()
        try:
            self._append(b'{"open":', row)
        except OSError as error:
            log.error("The journal cannot be written: %s", error)
            raise unwritable() from error
        self._running[call_id] = Open(row)
        return None if self.keeping is None else self.keeping.opened(row)

    def moved(self, changed: Row) -> asyncio.Future[None] | None:
        """The call is sent to another provider; returns as `opened` does."""
        self.progressed(changed)
        return None if self.keeping is None else self.keeping.opened(self._running[changed["id"]].row())

    def progressed(self, changed: Row) -> None:
        """What has been used so far, in case nobody lives to tell the end."""
        call_id = changed["id"]
        self._running[call_id] = self._running[call_id].after(changed)
        try:
            self._append(b'{"progress":', orjson.dumps(changed))
        except OSError as error:
            log.error("The journal cannot be written: %s", error)

    def closed(self, call_id: str, row: bytes) -> None:
        """How the call ended."""
        self._running.pop(call_id, None)
        self.closings += 1
        try:
            self._append(_CLOSED, row)
        except OSError as error:
            log.error("The journal cannot be written, a call's end is kept in memory: %s", error)
            self.unwritten.append(orjson.loads(row))
            return
        if self._unsynced_ends is not None:
            self._unsynced_ends.append(row)
        if self.keeping is not None:
            self.keeping.closed()

    def release(self) -> None:
        """Let go of the files; what is still in them is adopted by whoever looks next."""
        self._write_again()
        for descriptor in (self._file, self._lock, *self._former):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1
        self._former = []

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

    @property
    def needed(self) -> str:
        """The name of the first segment that may not be deleted though everything in it is in the ledger: it holds
        openings that are not known to be on the disk elsewhere."""
        return self.current if self._unsynced_ends is None else _segment_name(self._synced)

    # --- for `gateway.syncing` ---------------------------------------------------------------------------------------

    def remembers_unsynced(self) -> None:
        """From now on `unsynced` is asked."""
        self._unsynced_ends = []
        self._names_in = [self.folder, self.folder.parent, self.folder.parent.parent]

    def unsynced(self) -> Unsynced:
        """What was written and not synced; `was_synced` or `was_not_synced` is to be told."""
        ends, self._unsynced_ends = self._unsynced_ends or [], []
        former, self._former = self._former, []
        folders, self._names_in = self._names_in, []
        return Unsynced([*former, self._file], former, folders, ends, self._number)

    def was_synced(self, unsynced: Unsynced) -> None:
        """It is on the disk."""
        self._let_go(unsynced)
        self._synced = unsynced.number

    def was_not_synced(self, unsynced: Unsynced) -> None:
        """It may be lost, whatever a later attempt says: the journal goes on in a new segment."""
        self._let_go(unsynced)
        ends, self._unsynced_ends = [*unsynced.ends, *(self._unsynced_ends or ())], []
        self.closings += len(ends)  # the ledger is told of them a second time
        self.unwritten.extend(map(orjson.loads, ends))
        self._names_in = [*unsynced.folders, *self._names_in]
        self._is_distrusted = True

    def _let_go(self, unsynced: Unsynced) -> None:
        for file in unsynced.former:
            os.close(file)

    # --- within ------------------------------------------------------------------------------------------------------

    def _append(self, opening: bytes, row: bytes) -> None:
        if self._is_distrusted:
            self._next_segment()
        line = opening + row + b"}\n"
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
            repeated = [*(each.row() for each in self._running.values()), *map(orjson.dumps, self.unwritten)]
            content = b"".join(b'{"open":' + row + b"}\n" for row in repeated)
            if content and os.write(following, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            unfinished.rename(self.folder / name)
        except BaseException:
            os.close(following)
            unfinished.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            if self._unsynced_ends is None or self._is_distrusted:
                os.close(self._file)
            else:
                self._former.append(self._file)
        if self._unsynced_ends is not None:
            self._names_in.append(self.folder)
        self._number, self._file, self._size = self._number + 1, following, 0
        self._is_torn = self._is_distrusted = False

    def _write_again(self) -> None:
        """A last attempt at the ends that could not be written, before they are gone with this process."""
        if self._file >= 0 and self.unwritten:
            kept, self.unwritten = self.unwritten, []
            try:
                for row in kept:
                    self._append(_CLOSED, orjson.dumps(row))
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


def ends(segment: Path, offset: int, at_most: int) -> tuple[list[Row], int]:
    """How calls ended, of about `at_most` bytes of a segment's whole lines from `offset` on, and the offset behind
    them; torn lines are passed over. What is no end is not even understood, and the ends are all at once."""
    with segment.open("rb") as file:
        file.seek(offset)
        read = file.read(at_most)
        while (found := read.rfind(b"\n") + 1) == 0 and (more := file.read(at_most)):
            read += more
    closed = [line[len(_CLOSED) : -1] for line in read[:found].split(b"\n") if line.startswith(_CLOSED)]
    try:
        rows = orjson.loads(b"[%s]" % b",".join(closed))
    except orjson.JSONDecodeError:
        rows = None
    if rows is None or len(rows) != len(closed):  # one is torn
        rows = [row for row in map(_understood, closed) if row is not None]
    return rows, offset + found


def _understood(row: bytes) -> Row | None:
    try:
        return orjson.loads(row)
    except orjson.JSONDecodeError:
        return None


def _segment_name(number: int) -> str:
    return f"{number:08}.jsonl"
