"""What a day lacks although it is known from outside of the day's own rows: by an anchor of this machine, or by the
receipt of an earlier verification."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.conf import settings

from audit import anchors
from audit.anchors import Places
from audit.inspection import Finding, Row
from audit.models import DayHead, Verification

RESTORED = (
    "If an older copy of the database was restored, the audit is behind for that reason: say so with "
    "`atrium audit verify --accept-restored`, which the audit records."
)


class Watched:
    """The entries of a day as they pass by: how many, the last hash, and which of the expected ones were not there."""

    def __init__(self, entries: Iterator[Row], expected: Places) -> None:
        self._source, self.missing = entries, {place: set(hashes) for place, hashes in expected.items()}
        self.entries, self.last_place, self.last_hash = 0, 0, ""
        self.seen: dict[int, Row] = {}

    def __iter__(self) -> Iterator[Row]:
        for row in self._source:
            self.entries, self.last_place, self.last_hash = self.entries + 1, row.sequence, row.hash
            if row.sequence in self.missing:
                self.seen[row.sequence] = row
                self.missing[row.sequence].discard(row.hash)
            yield row

    @property
    def lost(self) -> Places:
        """The expected entries that the day does not hold, by place."""
        return {place: hashes for place, hashes in self.missing.items() if hashes}


class Expected:
    """What the chain must hold in the days from `since` to `until`, as it is known when this is made."""

    def __init__(self, since: dt.date, until: dt.date) -> None:
        self._receipts, self._anchors = _receipts(since, until), anchors.taken(since, until)
        self._compared = self._lost = 0

    @property
    def days(self) -> set[dt.date]:
        """The days that hold something."""
        return {*self._receipts, *self._anchors.sizes}

    def watch(self, day: dt.date, entries: Iterator[Row]) -> Watched:
        """`entries` of `day`, to be compared as they are read."""
        places = {place: set(hashes) for place, hashes in self._receipts.get(day, {}).items()}
        for place, hashes in self._anchors.of(day).items():
            self._compared += len(hashes)
            places.setdefault(place, set()).update(hashes)
        return Watched(entries, places)

    def absences(self, day: dt.date, head: DayHead | None, watched: Watched, known: list[Finding]) -> list[Finding]:
        """A finding for each expected entry that is not there and that `known`, what the day tells, does not name.

        A gap between two entries, and an end that the day's head counts, are told by the day itself.
        """
        lost = watched.lost
        self._lost += len(lost)
        named = {finding.sequence for finding in known if finding.day == day}
        replaced = [row for place, row in sorted(watched.seen.items()) if place in lost and place not in named]
        findings = [_replaced(row, min(lost[row.sequence])) for row in replaced]
        counted = max(watched.last_place, head.entries if head else 0)
        if max(lost, default=0) > counted:
            findings.append(_cut_off(day, counted, max(lost)))
        return findings

    def notes(self) -> list[str]:
        """What was compared, and what may explain that something is missing."""
        told = []
        if self._compared or self._anchors.unreadable:
            told.append(f"Compared with {self._compared:,} entries that this machine wrote down beside the database.")
        else:
            told.append(
                "This machine has written down no entries beside the database yet "
                f"({settings.AUDIT_ANCHORS}): only a receipt can tell here that the newest ones were cut off."
            )
        if self._anchors.unreadable:
            told.append(f"{len(self._anchors.unreadable):,} lines there were not written with the audit key; ignored.")
        return [*told, RESTORED] if self._lost else told


def _replaced(row: Row, written: str) -> Finding:
    told = f"{row.name} is not the entry that was written here: that one had the hash {written}."
    return Finding("removed", row.values["day"], row.sequence, row.id, row.values["verb"], told)


def _cut_off(day: dt.date, counted: int, last: int) -> Finding:
    which = f"Entry {last}" if last == counted + 1 else f"Entries {counted + 1} to {last}"
    since = f"since entry {counted}" if counted else "with the whole day"
    told = f"{which} of {day} removed: the day went up to entry {last}, and what is missing is missing {since}."
    return Finding("removed", day, counted + 1, None, "", told)


def _receipts(since: dt.date, until: dt.date) -> dict[dt.date, Places]:
    """What the verifications that found the audit intact said was its end."""
    found: dict[dt.date, Places] = {}
    intact = Verification.objects.filter(state=Verification.State.INTACT).exclude(receipt="")
    for receipt in intact.values_list("receipt", flat=True).iterator():
        try:
            day, place, entry_hash = parse_receipt(receipt)
        except ValueError:
            continue  # these rows are no part of the audit: who owns the database may have written anything there
        if since <= day <= until:
            found.setdefault(day, {}).setdefault(place, set()).add(entry_hash)
    return found


def parse_receipt(text: str) -> tuple[dt.date, int, str]:
    """Day, place and hash of a receipt `day:entries:hash`. Raises `ValueError` for anything else."""
    if not text:
        return dt.date.min, 0, ""
    day, place, entry_hash = text.strip().split(":")
    return dt.date.fromisoformat(day), int(place), entry_hash
