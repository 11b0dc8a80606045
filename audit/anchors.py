"""Anchors: where each entry that this machine committed stands and which hash it has, in files outside of the database.

An anchor is a lower bound. The chain must hold this entry with this hash; what else it holds the anchor does not say,
so several machines each have their own. Who owns the database can take back its newest entries and heads together,
and nothing inside it would tell; `audit.verify` asks here. One file a day in `AUDIT_ANCHORS`, one line an entry.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.conf import settings

from audit.hashing import anchor_code, is_code_of_anchor

log = structlog.get_logger(__name__)

ACCEPTED = "accepted.jsonl"  # anchors that somebody gave up because an older database was restored
Places = dict[int, set[str]]  # the hashes that were seen at each place of a day


@dataclass(frozen=True)
class Anchors:
    """The anchors that lay in the folder at one moment: those written later are not read.

    Taken before the database is read, so that all of them are of entries that this reading must find.
    """

    sizes: dict[dt.date, int]
    unreadable: list[str] = field(default_factory=list)

    def of(self, day: dt.date) -> Places:
        """The anchors of `day`; lines that were not written with the audit key are noted as unreadable."""
        found: Places = {}
        if day not in self.sizes:
            return found
        with _file_of(day).open("rb") as file:
            text = file.read(self.sizes[day]).decode(errors="replace")
        for line in text.splitlines():
            try:
                said = json.loads(line)
                place, entry_hash, code = int(said["sequence"]), str(said["hash"]), str(said["mac"])
            except (ValueError, KeyError, TypeError):
                self.unreadable.append(line)
                continue
            if is_code_of_anchor(code, day, place, entry_hash):
                found.setdefault(place, set()).add(entry_hash)
            else:
                self.unreadable.append(line)
        return found


def taken(since: dt.date = dt.date.min, until: dt.date = dt.date.max) -> Anchors:
    """What lies in the folder now for the days from `since` to `until`; nothing when there is no folder yet."""
    sizes = {}
    for path in sorted(settings.AUDIT_ANCHORS.glob("*.jsonl")):
        try:
            day = dt.date.fromisoformat(path.stem)
        except ValueError:
            continue
        if since <= day <= until:
            sizes[day] = path.stat().st_size
    return Anchors(sizes)


def note(day: dt.date, sequence: int, entry_hash: str) -> None:
    """Write down that this entry is in the chain; called when its transaction has committed.

    The deed is done by then, so a folder that cannot be written to is logged and stops nobody.
    """
    line = {"sequence": sequence, "hash": entry_hash, "mac": anchor_code(day, sequence, entry_hash)}
    try:
        with _locked():
            _append(_file_of(day), json.dumps(line))
    except OSError as error:
        log.error("audit_anchor_not_written", day=day.isoformat(), sequence=sequence, reason=str(error))


def note_receipt(receipt: str) -> None:
    """Write down the end of a chain that was just found intact: also a machine that records nothing has an anchor."""
    if receipt:
        day, place, entry_hash = receipt.split(":")
        note(dt.date.fromisoformat(day), int(place), entry_hash)


def give_up(lost: dict[dt.date, Places]) -> None:
    """Take these anchors out of the files of their days and keep them apart. Raises `OSError`."""
    with _locked():
        for day, places in lost.items():
            path, kept = _file_of(day), []
            for line in path.read_text().splitlines():
                if _is_among(line, places):
                    _append(settings.AUDIT_ANCHORS / ACCEPTED, json.dumps({"day": day.isoformat(), "anchor": line}))
                else:
                    kept.append(line)
            new = path.with_suffix(".new")
            new.write_text("".join(f"{line}\n" for line in kept))
            new.replace(path)


def _is_among(line: str, places: Places) -> bool:
    try:
        said = json.loads(line)
        return said["hash"] in places.get(said["sequence"], ())
    except (ValueError, KeyError, TypeError):
        return False


def _file_of(day: dt.date) -> Path:
    return Path(settings.AUDIT_ANCHORS) / f"{day.isoformat()}.jsonl"


def _append(path: Path, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


@contextmanager
def _locked() -> Iterator[None]:
    """Processes and threads of this machine write one after another."""
    try:
        lock = _open_lock()
    except FileNotFoundError:  # no folder yet, or no more: asking for it each time would take longer than the rest
        Path(settings.AUDIT_ANCHORS).mkdir(parents=True, exist_ok=True)
        lock = _open_lock()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock() -> int:
    return os.open(f"{settings.AUDIT_ANCHORS}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
