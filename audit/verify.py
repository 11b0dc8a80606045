"""Recompute the whole audit in one pass and name every entry that was changed, removed or inserted.

What can be found out rests on three things: an entry's hash covers all its columns, every entry carries the hash before
it, and a day's head carries count and last hash under a key that is not in the database. Who has the key as well and
rewrites the end of the chain can only be convicted by a `receipt` kept outside (`verify` prints one, the sealing of a
day logs one).
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
    """What `verify` found. `receipt` names the end of the chain: `day:entries:hash`, to be kept elsewhere."""

    entries: int = 0
    days: int = 0
    findings: list[Finding] = field(default_factory=list)
    receipt: str = ""

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
            ]
        return [finding.sentence for finding in self.findings] + [
            f"The audit is BROKEN: {_count(len(self.findings), 'finding', 'findings')} in {counted}."
        ]


class Counted:
    """The entries of a day as they pass by: how many, the last hash, and whether the wanted one was among them."""

    def __init__(self, entries: Iterator[Row], wanted: tuple[dt.date, int, str]) -> None:
        self._source, self._wanted = entries, wanted
        self.entries, self.last_hash, self.is_wanted_seen = 0, "", False

    def __iter__(self) -> Iterator[Row]:
        for row in self._source:
            self.entries, self.last_hash = self.entries + 1, row.hash
            self.is_wanted_seen = self.is_wanted_seen or (row.values["day"], row.sequence, row.hash) == self._wanted
            yield row


def verify(
    *,
    since: dt.date = dt.date.min,
    until: dt.date = dt.date.max,
    receipt: str = "",
    most_findings: int = 1_000,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Check all days from `since` to `until`, and that the chain still holds what `receipt` says it held.

    `on_progress` is told after every few thousand entries how many were read; what it raises stops the run.
    Reads about 100,000 entries a second in constant memory. Stops early after `most_findings`.
    """
    report = Report()
    wanted = parse_receipt(receipt)
    is_receipt_found = not receipt
    before = DayHead.objects.filter(day__lt=since).order_by("-day").first()
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        bare = DayHead.objects.filter(
            ~Exists(Entry.objects.filter(day=OuterRef("day"))),
            day__range=(since, until),
        )
        emptied = [(head.day, head, iter(())) for head in bare.order_by("day")]
        cursor.execute(EVERYTHING, [since, until])
        for day, head, entries in merge(_days(cursor, on_progress), emptied, key=lambda item: item[0]):
            counter = Counted(entries, wanted)
            report.findings += inspect_day(day, head, iter(counter), before=before)
            report.entries += counter.entries
            report.days += 1
            report.receipt = f"{day.isoformat()}:{counter.entries}:{counter.last_hash}"
            is_receipt_found = is_receipt_found or counter.is_wanted_seen
            before = head or before
            if len(report.findings) >= most_findings:
                return report
    if not is_receipt_found:
        report.findings.append(
            Finding(
                "removed",
                wanted[0],
                wanted[1],
                None,
                "",
                f"The receipt's entry {receipt} is not in the audit any more.",
            )
        )
    return report


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def parse_receipt(text: str) -> tuple[dt.date, int, str]:
    """Day, place and hash of a receipt `day:entries:hash`. Raises `ValueError` for anything else."""
    if not text:
        return dt.date.min, 0, ""
    day, place, entry_hash = text.strip().split(":")
    return dt.date.fromisoformat(day), int(place), entry_hash


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
