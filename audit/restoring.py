"""Accept that an older copy of the database was restored: what this machine saw since then is given up, and the audit
says so."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction

from audit import anchors
from audit.anchors import Places
from audit.models import Entry
from audit.record import AUDIT_LOCK, record


@transaction.atomic
def accept_restored(*, by: Any) -> int:
    """Give up the anchors of this machine that the chain does not hold, and record which; how many there were.

    Each machine has its own anchors, so each is told. Nothing is recorded when nothing is missing. Entries that were
    changed, or that break the chain, stay findings: a restored copy is whole.
    """
    with (
        connection.cursor() as cursor
    ):  # nobody records meanwhile, so every anchor is of an entry that is there or lost
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AUDIT_LOCK])
    written = anchors.taken()
    lost = {day: places for day in written.sizes if (places := _lost_of(day, written.of(day)))}
    if not lost:
        return 0
    entries = sum(len(hashes) for places in lost.values() for hashes in places.values())
    record(
        "audit.restore_accepted",
        by=by,
        subject_kind="audit",
        subject_label="The audit of a restored database",
        entries=entries,
        missing=[
            {"day": day.isoformat(), "from": min(places), "to": max(places), "last_hash": max(places[max(places)])}
            for day, places in sorted(lost.items())
        ],
    )
    transaction.on_commit(lambda: anchors.give_up(lost))
    return entries


def _lost_of(day: dt.date, expected: Places) -> Places:
    held = set(Entry.objects.filter(day=day).values_list("sequence", "hash"))
    lost = {place: {one for one in hashes if (place, one) not in held} for place, hashes in expected.items()}
    return {place: hashes for place, hashes in lost.items() if hashes}
