"""The zip file in which a decision is handed out: the same members give the same bytes, on any machine and release.

A subset of the format (APPNOTE.TXT 6.3.3): nothing compressed, no data descriptors, no extra fields, one fixed time, in
the order of the names. So it can be written while it is sent, and whoever reads it knows each byte that must be there:
`members_of` finds any that differs. Nothing here needs Django.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION, _UTF8, _STORED = 20, 0x0800, 0
_TIME, _DATE = 0, (1 << 5) | 1  # 1 January 1980, the first that the format has
_MODE = 0o100644 << 16
_LONGEST_NAME = 600  # in bytes: a document of 120 characters in its folder has up to 530
PIECE = 1 << 20


class Damaged(Exception):
    """The file is not as it was written; `where` says which part of it."""

    def __init__(self, where: str, sentence: str) -> None:
        super().__init__(f"{where}: {sentence}")
        self.where, self.sentence = where, sentence


@dataclass(frozen=True)
class Member:
    """A file in the archive; `content` gives its bytes in pieces, and is asked twice."""

    name: str
    content: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Stored:
    """Where a member's bytes are in an archive."""

    name: str
    start: int
    size: int


def of_bytes(name: str, content: bytes) -> Member:
    """A member that is in memory."""
    return Member(name, lambda: (content,))


def written(members: Iterable[Member]) -> Iterator[bytes]:
    """The archive in pieces."""
    central, at = [], 0
    for member in sorted(members, key=lambda one: one.name):
        crc = size = 0
        for piece in member.content():
            crc, size = zlib.crc32(piece, crc), size + len(piece)
        head = _local(member.name, crc, size)
        yield head
        yield from member.content()
        central.append(_entry(member.name, crc, size, at))
        at += len(head) + size
    yield _end(central, at)


def members_of(path: Path) -> tuple[list[Stored], list[Damaged]]:
    """The members of the archive at `path`, and what of it is not as `written` writes it. Where a header is not, what
    follows it cannot be read."""
    found: list[Stored] = []
    damaged: list[Damaged] = []
    central: list[bytes] = []
    whole, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while (mark := file.read(4)) == _LOCAL:
            fixed = file.read(26)
            try:
                name, crc, size = _read_local(file, mark, fixed, whole - at, found[-1].name if found else "")
            except Damaged as damage:
                return found, [*damaged, damage]
            stored, seen = Stored(name, file.tell(), size), 0
            for piece in pieces_of(path, stored):
                seen = zlib.crc32(piece, seen)
            if seen != crc:
                damaged.append(Damaged(name, "Its bytes are not those that were put in."))
            found.append(stored)
            central.append(_entry(name, crc, size, at))
            at = stored.start + size
            file.seek(at)
        rest = mark + file.read()
    if rest != _end(central, at):
        damaged.append(Damaged("table of contents", "It does not list the files as they are in the archive."))
    names = [each.name for each in found]
    if names != sorted(set(names)):
        damaged.append(Damaged("table of contents", "A file is in it twice, or they are in another order."))
    return found, damaged


def _read_local(file: IO[bytes], mark: bytes, fixed: bytes, left: int, before: str) -> tuple[str, int, int]:
    """Name, checksum and size of the member whose header begins here. Raises `Damaged`."""
    place = f"header after {before}" if before else "header of the first file"
    if len(fixed) < 26:
        raise Damaged(place, "The file ends within it.")
    *_, crc, _, size, length, _ = struct.unpack("<HHHHHIIIHH", fixed)
    if length > _LONGEST_NAME or 30 + length + size > left:
        raise Damaged(place, "It names more bytes than there are.")
    raw = file.read(length)
    name = raw.decode("utf-8", "replace")
    if mark + fixed + raw != _local(name, crc, size):
        raise Damaged(f"header of {name}", "It is not as Atrium writes it.")
    return name, crc, size


def pieces_of(path: Path, stored: Stored) -> Iterator[bytes]:
    """The bytes of a member, in pieces."""
    with path.open("rb") as file:
        file.seek(stored.start)
        left = stored.size
        while left and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


def _local(name: str, crc: int, size: int) -> bytes:
    encoded = name.encode()
    return _LOCAL + struct.pack(
        "<HHHHHIIIHH", _VERSION, _UTF8, _STORED, _TIME, _DATE, crc, size, size, len(encoded), 0
    ) + encoded  # fmt: skip


def _entry(name: str, crc: int, size: int, at: int) -> bytes:
    encoded = name.encode()
    made_by = (3 << 8) | _VERSION  # Unix, so that the mode counts
    return _CENTRAL + struct.pack(
        "<HHHHHHIIIHHHHHII", made_by, _VERSION, _UTF8, _STORED, _TIME, _DATE, crc, size, size, len(encoded), 0, 0, 0, 0,
        _MODE, at,
    ) + encoded  # fmt: skip


def _end(central: list[bytes], at: int) -> bytes:
    table = b"".join(central)
    return table + _END + struct.pack("<HHHHIIH", 0, 0, len(central), len(central), len(table), at, 0)
