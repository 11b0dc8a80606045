"""What is wrong with the entries of one day: which was changed, removed, inserted or moved, and what tells so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.hashing import content_hash, is_authentic, opening_hash
from audit.models import DayHead

MOST_COMPARED = 200  # altered entries of a day that are compared with each other to find swaps


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written. `kind`: changed, removed, inserted, moved, or head."""

    kind: str
    day: dt.date
    sequence: int | None
    entry_id: int | None
    verb: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it lies in the table: row number, hash, and every other column."""

    id: int
    hash: str
    values: dict[str, Any]

    @property
    def sequence(self) -> int:
        return int(self.values["sequence"])

    @property
    def name(self) -> str:
        return f"Entry {self.sequence} of {self.values['day']} (id {self.id}, {self.values['verb']})"


def inspect_day(day: dt.date, head: DayHead | None, rows: Iterator[Row], *, before: DayHead | None) -> list[Finding]:
    """Everything wrong with `day`. `before` is the head of the day before it that has one."""
    if head is None:
        return [
            _finding(
                "inserted",
                row,
                "its day has no head, so no verb wrote it (or the head was removed)",
            )
            for row in rows
        ]
    findings = list(_of_head(head, before))
    is_trusted = is_authentic(head)
    expected, last, altered = 1, None, list[Row]()
    link = opening_hash(day, head.previous_hash)
    for row in rows:
        if is_trusted and row.sequence > head.entries:
            findings.append(
                _finding(
                    "inserted",
                    row,
                    f"the day's head counts {head.entries} entries only",
                )
            )
            continue
        if row.sequence < expected:
            findings.append(_finding("inserted", row, "there is an entry at this place already"))
            continue
        if row.sequence > expected:
            findings.append(_gap(day, expected, row.sequence - 1))
        is_whole = content_hash(row.values) == row.hash
        if row.sequence == expected and row.values["previous_hash"] != link:
            if is_whole and last is not None and last not in altered:
                findings.append(
                    _finding(
                        "changed",
                        last,
                        "it was given a new hash: the next entry follows on another one",
                    )
                )
            elif is_whole and last is None:
                findings.append(_finding("changed", row, "it does not follow on the opening of its day"))
        if not is_whole:
            altered.append(row)
        expected, link, last = row.sequence + 1, row.hash, row
    if expected <= head.entries:
        findings.append(_gap(day, expected, head.entries, is_tail=True))
    elif is_trusted and last is not None and last not in altered and last.hash != head.last_hash:
        findings.append(
            _finding(
                "changed",
                last,
                "it was given a new hash: the day's head holds another one",
            )
        )
    return sorted(findings + _alterations(altered), key=lambda finding: finding.sequence or 0)


def _of_head(head: DayHead, before: DayHead | None) -> Iterator[Finding]:
    if not is_authentic(head):
        told = (
            f"The head of {head.day} ({head.entries} entries) was changed, or every hash of the day was computed anew: "
            "its code was not made with the audit key."
        )
        yield Finding("head", head.day, None, None, "", told)
    known = before.day if before else None
    if head.previous_day != known:
        missing = f"the day {head.previous_day}" if head.previous_day else "nothing"
        told = (
            f"A whole day was removed or inserted: {head.day} follows on {missing}, "
            f"but {known or 'nothing'} is before it."
        )
        yield Finding("removed", head.previous_day or head.day, None, None, "", told)
    elif before is not None and head.previous_hash != before.last_hash:
        told = f"{head.day} follows on another last hash of {before.day} than the one its head holds now."
        yield Finding("head", before.day, None, None, "", told)


def _gap(day: dt.date, first: int, last: int, is_tail: bool = False) -> Finding:
    which = f"Entry {first}" if first == last else f"Entries {first} to {last}"
    how = "cut off at the end of the day" if is_tail else "missing between two others"
    return Finding("removed", day, first, None, "", f"{which} of {day} removed: {how}.")


def _alterations(rows: list[Row]) -> list[Finding]:
    """Rows whose columns no longer give their hash: moved when they do at another altered row's place, else changed."""
    findings = []
    places = [row.sequence for row in rows[:MOST_COMPARED]]
    for row in rows:
        home = next(
            (p for p in places if content_hash(row.values | {"sequence": p}) == row.hash),
            None,
        )
        if home is not None:
            findings.append(_finding("moved", row, f"it was written as entry {home} of that day"))
        else:
            findings.append(_finding("changed", row, "its columns no longer give its hash"))
    return findings


def _finding(kind: str, row: Row, why: str) -> Finding:
    return Finding(
        kind,
        row.values["day"],
        row.sequence,
        row.id,
        row.values["verb"],
        f"{row.name} {kind}: {why}.",
    )
