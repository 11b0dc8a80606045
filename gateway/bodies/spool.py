"""The spool of one process: encrypted content that waits on the disk for the database.

The folder `<root>/<name>/` holds `lock`, locked as long as its process lives, and numbered segments of lines, each a
record as JSON; what is content in it is encrypted. Lines are written in one thread and carried away in another. What
a process leaves behind is carried by any other on the host. A full segment is followed by the next; one that was
carried is deleted.
"""

from __future__ import annotations

import base64
import datetime as dt
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from gateway.journal import clear, lines, segments
from usage.bodies.storing import BodyRecord

SEGMENT_BYTES = 8 * 1024 * 1024
FOLDER = "content"  # of the journals' one
_WHOLE = 1 << 60


class SpoolFull(OSError):
    """As much waits for the database as may."""


class Spool:
    """Written by one thread, carried by another. Nothing is on the disk before there is something to write."""

    def __init__(self, root: Path, name: str, largest: int) -> None:
        self._root, self._name, self._largest = root, name, largest
        self.folder = root / name
        self._guard = threading.Lock()
        self._lock = self._file = -1
        self._number = self._size = 0
        self._waiting: dict[Path, int] = {}  # complete segments with their bytes
        self._is_torn = False

    @property
    def waiting_bytes(self) -> int:
        return self._size + sum(self._waiting.values())

    @property
    def is_empty(self) -> bool:
        return not self._size and not self._waiting

    def append(self, record: BodyRecord) -> None:
        """Write a record. Raises `SpoolFull`, and `OSError` of the disk."""
        line = written(record)
        with self._guard:
            if self.waiting_bytes + len(line) > self._largest:
                raise SpoolFull(errno.ENOSPC, "the spool of content is full")
            if self._file < 0:
                self._begin()
            line = b"\n" + line if self._is_torn else line  # what was torn must not take this one with it
            count = os.write(self._file, line)
            self._size += count
            self._is_torn = count < len(line)
            if self._is_torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._size >= SEGMENT_BYTES:
                self._complete()

    def complete(self) -> list[Path]:
        """The segments to carry, with everything that was written so far; nothing is added to them any more."""
        with self._guard:
            if self._size:
                self._complete()
            return list(self._waiting)

    def carried(self, segment: Path) -> None:
        """The database has everything of `segment`."""
        segment.unlink(missing_ok=True)
        with self._guard:
            self._waiting.pop(segment, None)

    def close(self) -> None:
        """Let go of the files; where something still waits, whoever looks next carries it."""
        with self._guard:
            if self._size:
                self._complete()
            if self._lock >= 0 and not self._waiting:
                clear(self.folder)
            for descriptor in (self._file, self._lock):
                if descriptor >= 0:
                    os.close(descriptor)
            self._file = self._lock = -1

    def _begin(self) -> None:
        if self._lock < 0:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            hidden = self._root / f".{self._name}"  # nobody may adopt it before it is locked
            hidden.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(hidden / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                hidden.rename(self.folder)
            except BaseException:
                os.close(lock)
                raise
            self._lock = lock
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.folder / f"{self._number + 1:08}.jsonl", flags, 0o600)
        self._number += 1
        self._is_torn = False

    def _complete(self) -> None:
        os.close(self._file)
        self._waiting[self.folder / f"{self._number:08}.jsonl"] = self._size
        self._file, self._size = -1, 0


def written(record: BodyRecord) -> bytes:
    """A record as a line."""
    values: dict[str, Any] = asdict(record)
    for part in ("prompt", "answer"):
        if values[part] is not None:
            values[part] = base64.b64encode(values[part]).decode()
    return orjson.dumps(values) + b"\n"


def records_of(segment: Path) -> Iterator[BodyRecord]:
    """The records of a segment in their order; torn lines, and those of another release, are passed over."""
    for row, _ in lines(segment, 0, _WHOLE):
        try:
            yield _read(row)
        except (KeyError, TypeError, ValueError):
            continue


def _read(row: dict[str, Any]) -> BodyRecord:
    for name in ("id", "tenant_id", "project_id", "environment_id", "key_id"):
        row[name] = UUID(row[name])
    for name in ("started_at", "erase_at"):
        row[name] = dt.datetime.fromisoformat(row[name])
    for name in ("prompt", "answer"):
        if row[name] is not None:
            row[name] = base64.b64decode(row[name], validate=True)
    row["end_user_hashes"] = tuple(row["end_user_hashes"])
    row["data_classes"] = tuple(row.get("data_classes", ()))
    row["previous"] = UUID(row["previous"]) if row.get("previous") else None
    return BodyRecord(**row)


def orphans(root: Path, own: str) -> Iterator[tuple[Path, int]]:
    """The spools of processes that are gone, each with its lock, taken; it is let go when the next one is asked for."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.name == own or folder.name.startswith("."):
            continue
        try:
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.is_dir():  # nobody carried it meanwhile
                yield folder, lock
        except BlockingIOError:
            continue  # its process lives
        finally:
            os.close(lock)


__all__ = ["FOLDER", "Spool", "SpoolFull", "clear", "orphans", "records_of", "segments", "written"]
