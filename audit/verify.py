"""Recompute the whole audit in one pass and name every entry that was changed, removed or inserted.

What can be found out rests on three things: an entry's hash covers all its columns, every entry carries the hash before
it, and a day's head carries count and last hash under a key that is not in the database. That the end was cut off
together with its heads is told by what is kept outside of the database: the anchors of this machine
(`audit.anchors`), receipts of earlier verifications, and a `receipt` that somebody kept (`verify` prints one, the
sealing of a day logs one). The last two also convict who has the key as well and rewrites the end.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain, groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from audit.absence import Expected, parse_receipt
from audit.hashing import COLUMNS
from audit.inspection import Finding, Row, inspect_day
from audit.models import DayHead, Entry

BATCH = 5_000
HEAD_COLUMNS = [column.attname for column in DayHead._meta.concrete_fields]

# One statement is one snapshot, so a verb that records meanwhile is either seen whole or not at all.
EVERYTHING = f"""
    SELECT e.day AS the_day, {", ".join(f"h.{name}" for name in HEAD_COLUMNS)},
           e.id, e.hash, {", ".join(f"e.{name}" for name in COLUMNS)}
      FROM audit_entry e LEFT JOIN audit_dayhead h ON h.day = e.day
     WHERE e.day BETWEEN %s AND %s
     ORDER BY e.day, e.sequence
"""


@dataclass
class Report:
    """What `verify` found. `receipt` names the end of the chain: `day:entries:hash`, to be kept elsewhere; `notes` say
    what it was compared with outside of the database."""

    entries: int = 0
    days: int = 0
    findings: list[Finding] = field(default_factory=list)
    receipt: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.findings

    @property
    def exit_code(self) -> int:
        return 0 if self.is_intact else 1

    def lines(self) -> list[str]:
        """The report as text, one finding a line and the result at the end."""
        counted = f"{_count(self.entries, 'entry', 'entries')} of {_count(self.days, 'day', 'days')}"
        if self.is_intact:
            return [
                f"The audit is intact: {counted}.",
                f"Receipt: {self.receipt or 'none, the audit is empty'}",
                *self.notes,
            ]
        found = _count(len(self.findings), "finding", "findings")
        told = [finding.sentence for finding in self.findings]
        return [*told, *self.notes, f"The audit is BROKEN: {found} in {counted}."]


def verify(
    *,
    since: dt.date = dt.date.min,
    until: dt.date = dt.date.max,
    receipt: str = "",
    most_findings: int = 1_000,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Check all days from `since` to `until`, and that the chain still holds what was known of it: what `receipt` says,
    what earlier verifications said, and what this machine saw.

    `on_progress` is told after every few thousand entries how many were read; what it raises stops the run.
    Reads about 100,000 entries a second in constant memory. Stops early after `most_findings`.
    """
    report, seen = Report(), set()
    expected = Expected(since, until)  # before anything is read, so that all of it must be found
    before = DayHead.objects.filter(day__lt=since).order_by("-day").first()
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        bare = DayHead.objects.filter(
            ~Exists(Entry.objects.filter(day=OuterRef("day"))),
            day__range=(since, until),
        )
        emptied = [(head.day, head, iter(())) for head in bare.order_by("day")]
        cursor.execute(EVERYTHING, [since, until])
        for day, head, entries in merge(_days(cursor, on_progress), emptied, key=lambda item: item[0]):
            watched = expected.watch(day, entries)
            told = inspect_day(day, head, iter(watched), before=before)
            report.findings += told + expected.absences(day, head, watched, told)
            report.entries += watched.entries
            report.days += 1
            report.receipt = f"{day.isoformat()}:{watched.entries}:{watched.last_hash}"
            before = head or before
            seen.add(day)
            if len(report.findings) >= most_findings:
                return report
    for day in expected.days - seen:
        report.findings += expected.absences(day, None, expected.watch(day, iter(())), [])
    report.findings += _lacks(receipt)
    report.findings.sort(key=lambda finding: finding.day)
    report.notes = expected.notes()
    return report


def _lacks(receipt: str) -> list[Finding]:
    day, place, entry_hash = parse_receipt(receipt)
    if not receipt or Entry.objects.filter(day=day, sequence=place, hash=entry_hash).exists():
        return []
    told = f"The receipt's entry {receipt} is not in the audit any more."
    return [Finding("removed", day, place, None, "", told)]


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _rows(cursor: Any, on_progress: Callable[[int], None] | None) -> Iterator[tuple[Any, ...]]:
    read = 0
    while batch := cursor.fetchmany(BATCH):
        yield from batch
        read += len(batch)
        if on_progress is not None:
            on_progress(read)


def _days(
    cursor: Any, on_progress: Callable[[int], None] | None
) -> Iterator[tuple[dt.date, DayHead | None, Iterator[Row]]]:
    """Each day that has entries, its head (None: there is none) and its entries, read on as they are asked for."""
    end = 1 + len(HEAD_COLUMNS)
    for day, rows in groupby(_rows(cursor, on_progress), key=lambda row: row[0]):
        first = next(rows)
        head = DayHead(**dict(zip(HEAD_COLUMNS, first[1:end], strict=True))) if first[1] is not None else None
        yield day, head, (_row(row[end:]) for row in chain([first], rows))


def _row(columns: tuple[Any, ...]) -> Row:
    values = dict(zip(COLUMNS, columns[2:], strict=True))
    if isinstance(values["facts"], str):
        values["facts"] = json.loads(values["facts"])
    return Row(columns[0], columns[1], values)
