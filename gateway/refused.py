"""Calls that the ledger does not take for what they are, kept in a file beside the journals until it does.

Each call is there once, however often its journal is read again. Who looks after an installation is told how many
there are (`atrium doctor`, the platform's page, `/metrics`); `gateway.delivery.retry_refused` tries them again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger(__name__)

REFUSED = "refused.jsonl"
Row = dict[str, Any]


def put_aside(row: Row, reason: str, root: Path) -> None:
    """Keep a call that the ledger refuses for `reason`, unless it is kept already."""
    log.error("The ledger refuses call %s: %s", row.get("id"), reason)
    with _alone(root):
        if any(held["row"].get("id") == row.get("id") for held in _held(root)):
            return
        with (root / REFUSED).open("ab") as file:
            file.write(orjson.dumps({"at": time.time(), "reason": reason, "row": row}) + b"\n")


def count(root: Path) -> int:
    """How many calls are kept there."""
    return sum(1 for _ in _held(root))


def taken(root: Path, take: Callable[[Row], str]) -> tuple[int, int]:
    """Offer each kept call to `take`, which says why it is still refused (empty: it was taken, and is kept no more).

    Returns how many were taken and how many are left. What `take` raises leaves everything as it was.
    """
    with _alone(root):
        left, offered = [], 0
        for held in _held(root):
            offered += 1
            if reason := take(held["row"]):
                left.append(held | {"reason": reason})
        if not left:
            (root / REFUSED).unlink(missing_ok=True)
        elif len(left) < offered:
            unfinished = root / f".{REFUSED}.part"
            unfinished.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in left))
            unfinished.rename(root / REFUSED)
        return offered - len(left), len(left)


def _held(root: Path) -> Iterator[Row]:
    """Its whole lines; what a process that died has begun of one is passed over."""
    try:
        file = (root / REFUSED).open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                held = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(held, dict) and isinstance(held.get("row"), dict):
                yield held


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """No other process reads or writes the file meanwhile; the folder is what they all lock."""
    descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
