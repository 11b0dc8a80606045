"""What somebody who owns the database did to the audit is found, and the entry is named."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from audit.hashing import entry_hash, head_code, opening_hash
from audit.models import DayHead, Entry
from audit.record import SYSTEM
from audit.sealing import seal_past_days
from audit.verify import Report, verify
from tests.database import as_owner

pytestmark = pytest.mark.django_db
FIRST = dt.date(2026, 3, 1)


@pytest.fixture(autouse=True)
def three_days(db: None) -> None:
    """Five entries on each of three days, as `record` writes them, and the triggers off as an owner can have them."""
    before: DayHead | None = None
    for number in range(3):
        day = FIRST + dt.timedelta(days=number)
        head = DayHead(day=day, entries=0, last_hash="")
        if before:
            head.previous_day, head.previous_hash = before.day, before.last_hash
        link = opening_hash(day, head.previous_hash)
        for place in range(1, 6):
            at = dt.datetime.combine(day, dt.time(9, place), dt.UTC)
            entry = Entry(
                day=day,
                sequence=place,
                at=at,
                actor_kind="system",
                actor_label=SYSTEM.label,
                verb=f"thing.no{place}",
            )
            entry.facts, entry.previous_hash = {"place": place}, link
            entry.hash = link = entry_hash(entry)
            entry.save()
        head.entries, head.last_hash = 5, link
        head.mac = head_code(head)
        head.save()
        before = head
    sql("SET LOCAL session_replication_role = replica")


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def entry(place: int, day: int = 0) -> Entry:
    return Entry.objects.get(day=FIRST + dt.timedelta(days=day), sequence=place)


def named(report: Report) -> list[tuple[str, str, int | None]]:
    return [(f.kind, f.day.isoformat(), f.sequence) for f in report.findings]


def test_it_works() -> None:
    report = verify()
    assert report.is_intact and report.exit_code == 0
    assert (report.entries, report.days) == (15, 3)
    assert report.receipt == f"2026-03-03:5:{entry(5, 2).hash}"


@pytest.mark.parametrize(
    "change",
    [
        "actor_label = 'Atriun'", "verb = 'thing.noX'", "at = at + interval '1 microsecond'", "tenant = 'x'",
        "request_id = 'y'", "facts = '{\"place\": 30}'", "facts = '{\"place\": \"3\"}'", "subject_label = ' '",
        "actor_id = '0'", "actor_kind = 'user'",
    ],
)  # fmt: skip
def test_one_byte_changed_is_named(change: str) -> None:
    victim = entry(3, day=1)
    sql(f"UPDATE audit_entry SET {change} WHERE id = %s", victim.pk)
    (finding,) = verify().findings
    assert (finding.kind, finding.day, finding.sequence, finding.entry_id) == (
        "changed",
        victim.day,
        3,
        victim.pk,
    )
    assert f"Entry 3 of 2026-03-02 (id {victim.pk}," in finding.sentence


def test_a_changed_hash_is_named() -> None:
    sql("UPDATE audit_entry SET hash = md5(hash) WHERE id = %s", entry(5).pk)
    assert named(verify()) == [("changed", "2026-03-01", 5)]


@pytest.mark.parametrize("place", [1, 3, 5])
def test_an_entry_changed_with_a_new_hash_of_its_own_is_named(place: int) -> None:
    victim = entry(place)
    victim.verb = "thing.else"
    sql(
        "UPDATE audit_entry SET verb = %s, hash = %s WHERE id = %s",
        victim.verb,
        entry_hash(victim),
        victim.pk,
    )
    assert named(verify()) == [("changed", "2026-03-01", place)]


@pytest.mark.parametrize("place", [1, 3, 5])
def test_a_removed_entry_is_named(place: int) -> None:
    sql("DELETE FROM audit_entry WHERE id = %s", entry(place).pk)
    assert named(verify()) == [("removed", "2026-03-01", place)]


def test_several_removed_entries_are_told_in_one_line() -> None:
    sql("DELETE FROM audit_entry WHERE sequence IN (4, 5) AND day = '2026-03-03'")
    (finding,) = verify().findings
    assert finding.sentence == "Entries 4 to 5 of 2026-03-03 removed: cut off at the end of the day."


def test_the_entries_of_a_whole_day_removed() -> None:
    sql("DELETE FROM audit_entry WHERE day = '2026-03-02'")
    assert [f.sentence for f in verify().findings] == [
        "Entries 1 to 5 of 2026-03-02 removed: cut off at the end of the day."
    ]


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-02"])
def test_a_whole_day_removed_with_its_head(day: str) -> None:
    sql("DELETE FROM audit_entry WHERE day = %s", day)
    sql("DELETE FROM audit_dayhead WHERE day = %s", day)
    assert ("removed", day, None) in named(verify())


def test_the_last_day_removed_with_its_head_contradicts_a_receipt() -> None:
    receipt = verify().receipt
    assert verify(receipt=receipt).is_intact
    sql("DELETE FROM audit_entry WHERE day = '2026-03-03'")
    sql("DELETE FROM audit_dayhead WHERE day = '2026-03-03'")
    assert verify().is_intact  # nothing inside the database can tell; what is beside it: test_anchors
    assert named(verify(receipt=receipt)) == [("removed", "2026-03-03", 5)]


def test_an_entry_inserted_at_the_end_is_named() -> None:
    last = entry(5, day=2)
    forged = Entry(
        day=last.day,
        sequence=6,
        at=last.at,
        actor_kind="user",
        actor_label="Mallory",
        verb="key.issued",
    )
    forged.previous_hash = last.hash
    forged.hash = entry_hash(forged)
    forged.save()
    (finding,) = verify().findings
    assert (finding.kind, finding.sequence, finding.entry_id, finding.verb) == (
        "inserted",
        6,
        forged.pk,
        "key.issued",
    )


def test_an_entry_inserted_on_a_quiet_day_is_named() -> None:
    day = dt.date(2026, 4, 1)
    forged = Entry(
        day=day,
        sequence=1,
        at=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
        actor_label="M",
        verb="key.issued",
    )
    forged.previous_hash = opening_hash(day)
    forged.hash = entry_hash(forged)
    forged.save()
    assert named(verify()) == [("inserted", "2026-04-01", 1)]


def test_an_inserted_entry_at_a_place_that_is_taken_is_named() -> None:
    with as_owner() as owner:
        owner.execute("ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_position")
    twin = entry(3)
    twin.pk, twin.verb = None, "thing.forged"
    twin.save()
    assert ("inserted", "2026-03-01", 3) in named(verify())


def test_two_entries_swapped_are_named_with_the_places_they_had() -> None:
    sql("UPDATE audit_entry SET sequence = 100 WHERE id = %s", (first := entry(2)).pk)
    sql("UPDATE audit_entry SET sequence = 2 WHERE id = %s", (second := entry(4)).pk)
    sql("UPDATE audit_entry SET sequence = 4 WHERE id = %s", first.pk)
    report = verify()
    assert named(report) == [("moved", "2026-03-01", 2), ("moved", "2026-03-01", 4)]
    assert f"(id {second.pk}, thing.no4) moved: it was written as entry 4" in report.findings[0].sentence


def test_an_end_cut_off_together_with_the_heads_count_is_found() -> None:
    sql("DELETE FROM audit_entry WHERE day = '2026-03-03' AND sequence = 5")
    sql(
        "UPDATE audit_dayhead SET entries = 4, last_hash = %s WHERE day = '2026-03-03'",
        entry(4, day=2).hash,
    )
    (finding,) = verify().findings
    assert finding.kind == "head" and "2026-03-03" in finding.sentence


def test_a_day_computed_anew_without_the_key_is_found() -> None:
    link = opening_hash(FIRST)
    for row in Entry.objects.filter(day=FIRST).order_by("sequence"):
        row.actor_label, row.previous_hash = "Somebody else", link
        link = entry_hash(row)
        sql("UPDATE audit_entry SET actor_label = %s, previous_hash = %s, hash = %s WHERE id = %s",
            row.actor_label, row.previous_hash, link, row.pk)  # fmt: skip
    sql("UPDATE audit_dayhead SET last_hash = %s WHERE day = %s", link, FIRST)
    assert ("head", "2026-03-01", None) in named(verify())


def test_a_head_from_before_a_new_secret_key_is_still_authentic(settings: Any) -> None:
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[old]):
        assert verify().is_intact
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert {finding.kind for finding in verify().findings} == {"head"}


def test_the_command_names_the_entry_and_exits_with_1() -> None:
    sql(
        "UPDATE audit_entry SET verb = 'thing.mo2' WHERE id = %s",
        (victim := entry(2)).pk,
    )
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("audit_verify", stdout=out)
    assert stop.value.code == 1
    assert f"id {victim.pk}" in out.getvalue() and "BROKEN" in out.getvalue()


def test_the_command_answers_in_json_for_a_period() -> None:
    out = StringIO()
    call_command(
        "audit_verify",
        "--since",
        "2026-03-02",
        "--until",
        "2026-03-02",
        "--json",
        stdout=out,
    )
    answer = json.loads(out.getvalue())
    assert (answer["is_intact"], answer["entries"], answer["days"]) == (True, 5, 1)


def test_past_days_are_sealed_and_a_broken_one_is_not() -> None:
    sql("UPDATE audit_entry SET verb = 'thing.mo2' WHERE id = %s", entry(2, day=1).pk)
    sql("SET LOCAL session_replication_role = origin")
    assert seal_past_days(today=dt.date(2026, 3, 3)) == [dt.date(2026, 3, 1)]
    assert DayHead.objects.get(day="2026-03-01").sealed_at is not None
    assert DayHead.objects.get(day="2026-03-03").sealed_at is None
    assert named(verify()) == [("changed", "2026-03-02", 2)]


def test_a_seal_taken_off_is_found() -> None:
    seal_past_days(today=dt.date(2026, 3, 2))
    sql("SET LOCAL session_replication_role = replica")
    sql("UPDATE audit_dayhead SET sealed_at = NULL WHERE day = '2026-03-01'")
    assert named(verify()) == [("head", "2026-03-01", None)]
