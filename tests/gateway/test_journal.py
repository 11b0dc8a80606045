"""The journal: whatever is killed at whatever moment, no call is lost and none is counted twice."""

from __future__ import annotations

import errno
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection

from audit.identifiers import uuid7
from gateway import journal as journal_module
from gateway.delivery import Drain, adopt_orphans, ends_of
from gateway.journal import JournalUnwritable, segments
from gateway.refused import REFUSED
from tenants.scope import everything
from tests.cast import Cast
from tests.gateway.conftest import HELLO
from tests.gateway.journal_of_rows import JournalOfRows
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls, record
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "stream": True}


def row(cast: Cast, **changes: Any) -> dict[str, Any]:
    return record(cast, id=uuid7(), **changes).row()


def opening(cast: Cast) -> dict[str, Any]:
    return row(cast, outcome="interrupted", status=500, output_tokens=0, cost=None)


# --- one process ------------------------------------------------------------------------------------------------


def test_closed_calls_are_delivered_and_open_ones_are_not(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.open_row(first)
    journal.open_row(second)
    journal.close_row(first | {"outcome": "ok"})
    drain = Drain(journal)
    assert (drain.run(), drain.run()) == (1, 0)
    assert Call.objects.get().outcome == "ok" and journal.running == 1
    journal.close_row(second | {"outcome": "ok"})
    assert drain.run() == 1 and journal.running == 0


def test_segments_follow_each_other_and_go_when_they_are_delivered(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal, drain = JournalOfRows(tmp_path), None
    long_one = opening(cast)
    journal.open_row(long_one)
    drain = Drain(journal)
    for _ in range(60):
        short = opening(cast)
        journal.open_row(short)
        journal.close_row(short | {"outcome": "ok"})
    assert len(segments(journal.folder)) > 5
    assert drain.run() == 60
    assert len(segments(journal.folder)) == 1, "what is in the ledger is not kept twice"
    journal.release()
    assert adopt_orphans(tmp_path) >= 1  # closings of the last segment are delivered a second time, to no effect
    assert Call.objects.get(pk=long_one["id"]).outcome == "interrupted", "its opening went along to the last segment"
    assert Call.objects.count() == 61


def test_a_journal_of_a_living_process_is_left_alone(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    journal.open_row(opening(cast))
    assert adopt_orphans(tmp_path) == 0
    assert Call.objects.count() == 0 and journal.folder.is_dir()


def test_what_was_used_until_the_end_of_a_process_is_charged(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    opened = opening(cast) | {"input_per_million": "1.000000", "output_per_million": "2.000000"}
    journal.open_row(opened)
    journal.progressed({"id": opened["id"], "output_tokens": 40, "first_token_ms": 7})
    journal.progressed({"id": opened["id"], "output_tokens": 90, "first_token_ms": 7})
    journal.release()
    assert adopt_orphans(tmp_path) == 1
    call = Call.objects.get()
    assert (call.outcome, call.output_tokens, call.first_token_ms) == ("interrupted", 90, 7)
    assert call.cost is not None and float(call.cost) == pytest.approx((10 + 2 * 90) / 1e6)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_is_passed_over(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.open_row(first)
    journal.open_row(second)
    journal.close_row(first | {"outcome": "ok"})
    with segments(journal.folder)[-1].open("ab") as file:
        file.write(b'{"close":' + orjson.dumps(second | {"outcome": "ok"})[:200])
    journal.release()
    assert {row["id"]: row["outcome"] for row in ends_of(journal.folder)} == {
        first["id"]: "ok",
        second["id"]: "interrupted",
    }


@pytest.mark.parametrize("cut", range(60))
def test_a_journal_cut_at_any_byte_loses_no_call_that_was_opened(cast: Cast, tmp_path: Path, cut: int) -> None:
    journal = JournalOfRows(tmp_path)
    opened = [opening(cast) for _ in range(3)]
    for each in opened:
        journal.open_row(each)
        journal.close_row(each | {"outcome": "ok"})
    file = segments(journal.folder)[0]
    content = file.read_bytes()
    content = content[: len(content) * cut // 59]
    file.write_bytes(content)
    journal.release()
    whole_lines = content.count(b"\n")
    outcomes = [row["outcome"] for row in ends_of(journal.folder)]
    assert outcomes.count("ok") == whole_lines // 2
    assert outcomes.count("interrupted") == whole_lines % 2


def test_a_call_that_the_ledger_refuses_is_put_aside_and_keeps_nobody_waiting(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    good, bad = opening(cast), opening(cast) | {"tenant_id": str(uuid7())}
    for each in (good, bad):
        journal.open_row(each)
        journal.close_row(each)
    Drain(journal).run()
    assert [str(call.id) for call in Call.objects.all()] == [good["id"]]
    aside = orjson.loads((tmp_path / REFUSED).read_bytes())
    assert aside["row"]["id"] == bad["id"] and "tenant" in aside["reason"]


def test_a_disk_that_is_full_stops_new_calls_and_loses_no_end(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    running = opening(cast)
    journal.open_row(running)
    descriptor, journal._file = journal._file, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalUnwritable):
        journal.open_row(opening(cast))
    journal.close_row(running | {"outcome": "ok"})
    assert Drain(journal).run() == 1
    assert Call.objects.get().outcome == "ok"
    os.close(journal._file)
    journal._file = descriptor


class FullDisk:
    """A disk on which nothing more can be begun: what is written into an empty file fails, or goes in part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, takes: int) -> None:
        self._write, self._takes, self.is_full, self.refused = os.write, takes, True, 0
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, content: bytes) -> int:
        if not self.is_full or os.fstat(descriptor).st_size:
            return self._write(descriptor, content)
        self.refused += 1
        if self._takes:
            return self._write(descriptor, content[: self._takes])
        raise OSError(errno.ENOSPC, "No space left on device")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def keep_busy(journal: JournalOfRows, cast: Cast, calls: int) -> None:
    for _ in range(calls):
        short = opening(cast)
        journal.open_row(short)
        journal.close_row(short | {"outcome": "ok"})


@pytest.mark.parametrize("takes", [0, 30])
def test_calls_are_kept_when_a_new_segment_cannot_be_begun(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: int
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal = JournalOfRows(tmp_path)
    drain = Drain(journal)
    journal.open_row(long_one := opening(cast))
    disk = FullDisk(monkeypatch, takes=takes)
    descriptors = open_files()
    keep_busy(journal, cast, 20)
    assert disk.refused > 0 and open_files() == descriptors
    assert drain.run() == 20
    keep_busy(journal, cast, 20)
    assert drain.run() == 20, "what comes after the failure is carried too"
    disk.is_full = False
    keep_busy(journal, cast, 20)
    assert drain.run() == 20 and journal.current > "00000001.jsonl"
    journal.close_row(long_one | {"outcome": "ok"})
    assert drain.run() == 1
    assert [file.name for file in segments(journal.folder)] == [journal.current]
    assert journal.remove(drain.delivered) and list(tmp_path.iterdir()) == []
    assert Call.objects.filter(outcome="ok").count() == 61


def test_a_segment_that_appears_before_it_is_in_force_is_not_read_yet(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    drain = Drain(journal)
    keep_busy(journal, cast, 1)
    (journal.folder / "00000002.jsonl").touch()
    assert drain.run() == 1
    keep_busy(journal, cast, 1)
    assert drain.run() == 1


def test_a_journal_with_something_undelivered_is_not_removed(cast: Cast, tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    drain = Drain(journal)
    journal.open_row(running := opening(cast))
    assert not journal.remove(drain.delivered), "a call runs"
    journal.close_row(running | {"outcome": "ok"})
    assert not journal.remove(drain.delivered), "its end is not in the ledger"
    journal.release()
    assert adopt_orphans(tmp_path) == 1 and Call.objects.get().outcome == "ok"


def test_an_end_that_could_not_be_written_outlives_the_process(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal = JournalOfRows(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.open_row(first)
    journal.open_row(second)
    descriptor, journal._file = journal._file, os.open("/dev/full", os.O_WRONLY)
    journal.close_row(first | {"outcome": "ok"})
    os.close(journal._file)
    journal._file = descriptor
    keep_busy(journal, cast, 20)
    for segment in segments(journal.folder)[:-1]:
        segment.unlink()
    assert {row["id"]: row["outcome"] for row in ends_of(journal.folder)}[first["id"]] == "ok", "killed now"
    journal.release()
    assert b'"close"' in b"".join(
        line for line in segments(journal.folder)[-1].read_bytes().splitlines() if first["id"].encode() in line
    )
    adopt_orphans(tmp_path)
    outcomes = {str(call.pk): call.outcome for call in Call.objects.all()}
    assert (outcomes[first["id"]], outcomes[second["id"]]) == ("ok", "interrupted")


def test_what_a_process_left_that_was_killed_while_it_began_a_segment_is_cleared_away(
    cast: Cast, tmp_path: Path
) -> None:
    journal = JournalOfRows(tmp_path)
    keep_busy(journal, cast, 1)
    (journal.folder / ".00000002.jsonl.part").write_bytes(b'{"open":')
    journal.release()
    assert adopt_orphans(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_cannot_be_understood_keeps_no_other_waiting(cast: Cast, tmp_path: Path) -> None:
    strange, good = JournalOfRows(tmp_path), JournalOfRows(tmp_path)
    segments(strange.folder)[0].write_bytes(b'{"open": 7}\n')
    keep_busy(good, cast, 2)
    for journal in (strange, good):
        journal.release()
    assert adopt_orphans(tmp_path) == 2
    assert list(tmp_path.iterdir()) == [strange.folder], "it is left for a person to look at"


def test_a_long_journal_of_a_dead_process_is_taken_over_in_little_memory(tmp_path: Path) -> None:
    journal = JournalOfRows(tmp_path)
    rows = 30_000
    for number in range(rows):
        journal.open_row({"id": str(number), "input_per_million": None})
        if number % 10_000:
            journal.close_row({"id": str(number), "error_message": "x" * 400})
    journal.release()
    tracemalloc.start()
    seen = sum(1 for _ in ends_of(journal.folder))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == rows and most < 1_000_000, f"{most:,} bytes for {rows} calls"


def test_two_processes_that_adopt_at_once_count_each_call_once(transactional_db: None, tmp_path: Path) -> None:
    cast = Cast.create()
    for _ in range(5):
        journal = JournalOfRows(tmp_path)
        for _ in range(20):
            opened = opening(cast)
            journal.open_row(opened)
            journal.close_row(opened | {"outcome": "ok"})
        journal.release()

    @everything("as the gateway's thread does")
    def adopt() -> None:
        adopt_orphans(tmp_path)
        connection.close()

    adopters = [threading.Thread(target=adopt) for _ in range(4)]
    for adopter in adopters:
        adopter.start()
    for adopter in adopters:
        adopter.join()
    assert Call.objects.count() == 100
    assert_totals_are_the_sums_of_the_calls()
    assert list(tmp_path.iterdir()) == []


# --- processes that are killed ------------------------------------------------------------------------------------
