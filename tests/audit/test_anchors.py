"""What a machine wrote down outside of the database convicts who takes back the newest entries; a restored database is
told apart by who restored it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from audit import verifications
from audit.models import DayHead, Entry
from audit.record import SYSTEM, record
from audit.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)  # an anchor is written when an entry is committed


def committed(count: int = 1) -> Entry:
    """Record `count` entries, each in a transaction of its own; the last one."""
    for _ in range(count):
        with transaction.atomic():
            entry = record("thing.done", by=SYSTEM)
    return entry


def as_owner(*statements: str, values: tuple[Any, ...] = ()) -> None:
    """Do what an owner of the database can do with its triggers switched off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement, values or None)


def head() -> dict[str, Any]:
    return DayHead.objects.values("entries", "last_hash", "mac").get()


def put_back(held: dict[str, Any]) -> None:
    """Take back every entry after the head as it was, and put that authentic head in place."""
    as_owner(
        "DELETE FROM audit_entry WHERE sequence > %(entries)s",
        "UPDATE audit_dayhead SET entries = %(entries)s, last_hash = %(last_hash)s, mac = %(mac)s",
        values=held,  # type: ignore[arg-type]
    )


def sentences() -> list[str]:
    return [finding.sentence for finding in verify().findings]


def test_it_works() -> None:
    committed(3)
    report = verify()
    assert report.is_intact
    assert "Compared with 3 entries that this machine wrote down" in report.notes[0]


def test_a_machine_that_saw_nothing_says_so_and_finds_nothing() -> None:
    assert verify().is_intact
    assert "has written down no entries beside the database yet" in verify().notes[0]


def test_what_was_rolled_back_was_never_there() -> None:
    committed()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record("thing.undone", by=SYSTEM)
        raise ZeroDivisionError
    committed()
    assert verify().is_intact


def test_the_newest_entry_taken_back_with_an_earlier_head_is_named() -> None:
    committed(3)
    earlier = head()
    day = committed().day
    put_back(earlier)
    (finding,) = verify().findings
    assert (finding.kind, finding.day, finding.sequence) == ("removed", day, 4)
    assert finding.sentence.startswith(f"Entry 4 of {day} removed: the day went up to entry 4")


def test_several_newest_entries_taken_back_are_told_in_one_line() -> None:
    committed(2)
    earlier = head()
    day = committed(3).day
    put_back(earlier)
    assert sentences()[0].startswith(f"Entries 3 to 5 of {day} removed")
    assert "missing since entry 2" in sentences()[0]


def test_everything_removed_is_found() -> None:
    day = committed(3).day
    as_owner("DELETE FROM audit_entry", "DELETE FROM audit_dayhead")
    assert sentences() == [
        f"Entries 1 to 3 of {day} removed: the day went up to entry 3, and what is missing is missing with the whole"
        " day."
    ]


def test_entries_written_over_those_taken_back_do_not_hide_it() -> None:
    committed(2)
    earlier = head()
    taken = committed()
    put_back(earlier)
    committed(2)
    (finding,) = verify().findings
    assert (finding.kind, finding.sequence) == ("removed", 3)
    assert f"is not the entry that was written here: that one had the hash {taken.hash}" in finding.sentence


def test_a_gap_is_told_once() -> None:
    committed(4)
    as_owner("DELETE FROM audit_entry WHERE sequence IN (2, 4)")
    assert [(finding.kind, finding.sequence) for finding in verify().findings] == [("removed", 2), ("removed", 4)]


def test_a_changed_hash_is_told_once() -> None:
    committed(3)
    as_owner("UPDATE audit_entry SET hash = md5(hash) WHERE sequence = 2")
    assert [(finding.kind, finding.sequence) for finding in verify().findings] == [("changed", 2)]


def test_the_receipt_of_an_earlier_verification_is_held_to_without_any_anchor(queue: Any, tmp_path: Path) -> None:
    committed(3)
    made = verifications.start(by=SYSTEM)
    verifications.run(made.pk)
    as_owner("DELETE FROM audit_entry", "DELETE FROM audit_dayhead")
    with override_settings(AUDIT_ANCHORS=tmp_path / "another-machine"):
        assert [finding.kind for finding in verify().findings] == ["removed"]


def test_anchors_that_the_audit_key_did_not_write_say_nothing() -> None:
    day = committed(2).day
    with (settings.AUDIT_ANCHORS / f"{day}.jsonl").open("a") as file:
        file.write(json.dumps({"sequence": 9, "hash": "f" * 64, "mac": "0" * 64}) + "\nhalf a li")
    report = verify()
    assert report.is_intact
    assert "2 lines there were not written with the audit key" in report.notes[1]


def test_anchors_from_before_a_new_secret_key_still_bind() -> None:
    committed(2)
    old = settings.SECRET_KEY
    as_owner("DELETE FROM audit_entry", "DELETE FROM audit_dayhead")
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[old]):
        assert len(verify().findings) == 1


def test_a_folder_that_cannot_be_written_to_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with override_settings(AUDIT_ANCHORS=tmp_path / "file"):
        committed()
    assert Entry.objects.count() == 1


def command(*flags: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("audit_verify", *flags, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue()


def test_a_restored_database_is_behind_until_the_operator_says_so_and_the_audit_holds_that() -> None:
    committed(2)
    earlier = head()
    day = committed(3).day
    put_back(earlier)
    committed()  # people work on before anybody verifies
    code, said = command()
    assert code == 1 and "`atrium audit verify --accept-restored`" in said
    code, said = command("--accept-restored")
    assert code == 0 and "3 missing entries accepted" in said
    assert command()[0] == 0
    accepted = Entry.objects.get(verb="audit.restore_accepted")
    assert accepted.actor_label.startswith("command line (")
    assert [(m["day"], m["from"], m["to"]) for m in accepted.facts["missing"]] == [(day.isoformat(), 3, 5)]
    assert (settings.AUDIT_ANCHORS / "accepted.jsonl").read_text().count("\n") == 3
    assert command("--accept-restored")[1].startswith("0 missing entries accepted")
    assert Entry.objects.filter(verb="audit.restore_accepted").count() == 1


def test_accepting_does_not_excuse_what_was_changed() -> None:
    committed(3)
    as_owner("UPDATE audit_entry SET verb = 'thing.undone' WHERE sequence = 2")
    assert command("--accept-restored")[0] == 1
