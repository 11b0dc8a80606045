"""How the supervised processes are: as the supervisor recorded them, and as the kernel sees them now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils import timezone

from portal.supervisor import journal

RESTARTED_LATELY = dt.timedelta(hours=1)


class State(StrEnum):
    """How a thing is, as `ui` names its colours."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class PartRow:
    """One supervised process, as the supervisor recorded it and as the kernel sees it now."""

    name: str
    state: State
    words: str
    pid: int | None
    memory_bytes: int | None
    started_at: dt.datetime | None
    restarts: int
    last_end: str
    last_end_at: dt.datetime | None
    log: str
    mend: str = ""


def parts() -> list[PartRow]:
    """The supervised processes; empty where no `atrium up` runs here (each may run on a host of its own)."""
    record = journal.read(settings.DATA_FOLDER)
    if not supervisor_runs(record):
        return []
    return [_part(name, facts) for name, facts in record.get("parts", {}).items()]


def supervisor_runs(record: dict[str, Any]) -> bool:
    """Whether the supervisor that wrote `record` is still there."""
    pid: int = record.get("pid") or 0
    return pid > 0 and journal.started_ticks(pid) == record.get("ticks")


def _part(name: str, facts: dict[str, Any]) -> PartRow:
    pid: int = facts.get("pid") or 0
    runs = pid > 0 and journal.started_ticks(pid) == facts.get("ticks")
    ended_at = moment(facts.get("last_end_at"))
    restarts = int(facts.get("restarts", 0))
    times = "once" if restarts == 1 else f"{restarts} times"
    state, words, mend = State.GOOD, "answers", ""
    if not runs:
        state, words = State.BAD, f"ended ({facts.get('last_end') or 'unknown'}), will be started again"
        mend = f"Read its log: {facts.get('log')}"
    elif facts.get("state") != "running":
        state, words = State.WARNING, "is starting"
    elif restarts and ended_at and timezone.now() - ended_at < RESTARTED_LATELY:
        state, words = State.WARNING, f"answers; started again {times}, last after {facts.get('last_end')}"
        mend = f"If it happens again, read its log: {facts.get('log')}"
    elif restarts:
        words = f"answers; started again {times} so far"
    return PartRow(
        name=name,
        state=state,
        words=words,
        pid=pid if runs else None,
        memory_bytes=_memory(pid) if runs else None,
        started_at=moment(facts.get("started_at")),
        restarts=restarts,
        last_end=facts.get("last_end", ""),
        last_end_at=ended_at,
        log=facts.get("log", ""),
        mend=mend,
    )


def _memory(pid: int) -> int | None:
    """What the process and those it started hold, without counting shared memory twice, in bytes."""
    import psutil

    try:
        process = psutil.Process(pid)
        return sum(_own_memory(one) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None


def _own_memory(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):  # another account's process, or a system without the proportional share
        return int(process.memory_info().rss)


def moment(seconds: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None
