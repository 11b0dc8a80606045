"""Write one entry to the audit, inside the transaction of the verb that it tells about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from structlog.contextvars import get_contextvars

from audit import anchors, composed
from audit.hashing import as_stored, entry_hash, head_code, opening_hash
from audit.models import DayHead, Entry

AUDIT_LOCK = 0x41_54_52_55  # one writer at a time: a chain has one end


@dataclass(frozen=True)
class Actor:
    """Who did it when no signed-in person did: a job, a command, an identity provider."""

    label: str
    kind: str = "system"
    id: str = ""


SYSTEM = Actor("Atrium")

_listeners: list[Callable[[Entry], None]] = []


def when_recorded(listener: Callable[[Entry], None]) -> None:
    """Call `listener` with every new entry, in the transaction that wrote it: both stand or fall together."""
    if listener not in _listeners:
        _listeners.append(listener)


def record(
    verb: str,
    *,
    by: Any,
    subject: Any = None,
    subject_kind: str = "",
    subject_id: str = "",
    subject_label: str = "",
    tenant: str = "",
    **facts: Any,
) -> Entry:
    """Append one entry and return it.

    `verb` is `noun.past`, e.g. `key.issued`; `by` a user or an `Actor`; `subject` a model instance (its kind, key and
    text are kept) or the three texts; `tenant` a slug; `facts` JSON-serialisable values without secrets.
    Must be called inside a transaction: an entry without its deed, or a deed without its entry, must not exist.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record() belongs inside the verb's transaction")
    if subject is not None:
        subject_kind = subject_kind or subject._meta.model_name
        subject_id = subject_id or str(subject.pk)
        subject_label = subject_label or str(subject)
    now, last = _take_the_end_of_the_chain()
    head = _head_of(now.date(), last)
    entry = Entry(
        day=head.day,
        sequence=head.entries + 1,
        at=now,
        actor_kind=by.kind if isinstance(by, Actor) else "user",
        actor_id=by.id if isinstance(by, Actor) else str(by.pk),
        actor_label=(by.label if isinstance(by, Actor) else str(by))[:200],
        verb=verb,
        subject_kind=subject_kind,
        subject_id=subject_id,
        subject_label=subject_label[:300],
        tenant=tenant,
        facts=as_stored(facts),
        request_id=str(get_contextvars().get("request_id", ""))[:64],
        previous_hash=head.last_hash or opening_hash(head.day, head.previous_hash),
    )
    entry.hash = entry_hash(entry)
    head.entries, head.last_hash = entry.sequence, entry.hash
    head.mac = head_code(head)
    _append(entry, head)
    written = (entry.day, entry.sequence, entry.hash)  # as they are now, whatever is done to the instance
    transaction.on_commit(lambda: anchors.note(*written), robust=True)
    for listener in _listeners:
        listener(entry)
    return entry


# Two statements in one message: the second sees what was committed while the first waited.
_TAKE = f"""
    SELECT pg_advisory_xact_lock(%s);
    SELECT clock_timestamp(), {composed.selection(DayHead, "head")}
      FROM (SELECT 1) AS always LEFT JOIN LATERAL (
           SELECT * FROM {DayHead._meta.db_table} ORDER BY day DESC LIMIT 1) AS head ON true
"""  # names of our own table
_APPEND = f"""
    {composed.insertion(Entry)} RETURNING {Entry._meta.pk.column};
    UPDATE {DayHead._meta.db_table} SET entries = %s, last_hash = %s, mac = %s WHERE id = %s
"""


def _take_the_end_of_the_chain() -> tuple[dt.datetime, DayHead | None]:
    """Wait for the one place at the end; the database's time, which every process shares, and the last head."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [AUDIT_LOCK])
        cursor.nextset()
        now, *values = cursor.fetchone()
    return now, composed.taken(DayHead, iter(values))


def _append(entry: Entry, head: DayHead) -> None:
    """Keep a new entry, and what its head says now."""
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [*composed.parameters(entry), head.entries, head.last_hash, head.mac, head.pk])
        entry.pk = cursor.fetchone()[0]
    composed.mark_as_kept(entry)


def _head_of(today: dt.date, last: DayHead | None) -> DayHead:
    """The head to write under: the last one while its day lasts (or the clock went back), else a new one after it,
    kept without an entry until the first is appended."""
    if last is not None and last.day >= today and last.sealed_at is None:
        return last
    if last is None:
        return DayHead.objects.create(day=today, entries=0, last_hash="")
    day = max(today, last.day + dt.timedelta(days=1))  # a sealed day takes no more, whatever the clock says
    return DayHead.objects.create(
        day=day,
        entries=0,
        last_hash="",
        previous_day=last.day,
        previous_hash=last.last_hash,
    )
