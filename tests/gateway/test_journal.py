"""The journal: whatever is killed at whatever moment, no call is lost and none is counted twice."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from django.conf import settings as project
from django.db import connection

from audit.identifiers import uuid7
from catalog.models import Route
from gateway import journal as journal_module
from gateway.delivery import Drain, adopt_orphans, ends_of
from gateway.journal import Journal, JournalUnwritable, segments
from gateway.refused import REFUSED
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Exchange, Provider, chunk
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls, record
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "stream": True}


def row(cast: Cast, **changes: Any) -> dict[str, Any]:
    return record(cast, id=uuid7(), **changes).row()


def opening(cast: Cast) -> dict[str, Any]:
    return row(cast, outcome="interrupted", status=500, output_tokens=0, cost=None)


# --- one process ------------------------------------------------------------------------------------------------


def test_closed_calls_are_delivered_and_open_ones_are_not(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.opened(first)
    journal.opened(second)
    journal.closed(first | {"outcome": "ok"})
    drain = Drain(journal)
    assert (drain.run(), drain.run()) == (1, 0)
    assert Call.objects.get().outcome == "ok" and journal.running == 1
    journal.closed(second | {"outcome": "ok"})
    assert drain.run() == 1 and journal.running == 0


def test_segments_follow_each_other_and_go_when_they_are_delivered(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal, drain = Journal(tmp_path), None
    long_one = opening(cast)
    journal.opened(long_one)
    drain = Drain(journal)
    for _ in range(60):
        short = opening(cast)
        journal.opened(short)
        journal.closed(short | {"outcome": "ok"})
    assert len(segments(journal.folder)) > 5
    assert drain.run() == 60
    assert len(segments(journal.folder)) == 1, "what is in the ledger is not kept twice"
    journal.release()
    assert adopt_orphans(tmp_path) >= 1  # closings of the last segment are delivered a second time, to no effect
    assert Call.objects.get(pk=long_one["id"]).outcome == "interrupted", "its opening went along to the last segment"
    assert Call.objects.count() == 61


def test_a_journal_of_a_living_process_is_left_alone(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.opened(opening(cast))
    assert adopt_orphans(tmp_path) == 0
    assert Call.objects.count() == 0 and journal.folder.is_dir()


def test_what_was_used_until_the_end_of_a_process_is_charged(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    opened = opening(cast) | {"input_per_million": "1.000000", "output_per_million": "2.000000"}
    journal.opened(opened)
    journal.progressed({"id": opened["id"], "output_tokens": 40, "first_token_ms": 7})
    journal.progressed({"id": opened["id"], "output_tokens": 90, "first_token_ms": 7})
    journal.release()
    assert adopt_orphans(tmp_path) == 1
    call = Call.objects.get()
    assert (call.outcome, call.output_tokens, call.first_token_ms) == ("interrupted", 90, 7)
    assert call.cost is not None and float(call.cost) == pytest.approx((10 + 2 * 90) / 1e6)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_is_passed_over(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.opened(first)
    journal.opened(second)
    journal.closed(first | {"outcome": "ok"})
    with segments(journal.folder)[-1].open("ab") as file:
        file.write(b'{"close":' + orjson.dumps(second | {"outcome": "ok"})[:200])
    journal.release()
    assert {row["id"]: row["outcome"] for row in ends_of(journal.folder)} == {
        first["id"]: "ok",
        second["id"]: "interrupted",
    }


@pytest.mark.parametrize("cut", range(60))
def test_a_journal_cut_at_any_byte_loses_no_call_that_was_opened(cast: Cast, tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    opened = [opening(cast) for _ in range(3)]
    for each in opened:
        journal.opened(each)
        journal.closed(each | {"outcome": "ok"})
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
    journal = Journal(tmp_path)
    good, bad = opening(cast), opening(cast) | {"tenant_id": str(uuid7())}
    for each in (good, bad):
        journal.opened(each)
        journal.closed(each)
    Drain(journal).run()
    assert [str(call.id) for call in Call.objects.all()] == [good["id"]]
    aside = orjson.loads((tmp_path / REFUSED).read_bytes())
    assert aside["row"]["id"] == bad["id"] and "tenant" in aside["reason"]


def test_a_disk_that_is_full_stops_new_calls_and_loses_no_end(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    running = opening(cast)
    journal.opened(running)
    descriptor, journal._file = journal._file, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalUnwritable):
        journal.opened(opening(cast))
    journal.closed(running | {"outcome": "ok"})
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


def keep_busy(journal: Journal, cast: Cast, calls: int) -> None:
    for _ in range(calls):
        short = opening(cast)
        journal.opened(short)
        journal.closed(short | {"outcome": "ok"})


@pytest.mark.parametrize("takes", [0, 30])
def test_calls_are_kept_when_a_new_segment_cannot_be_begun(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: int
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal = Journal(tmp_path)
    drain = Drain(journal)
    journal.opened(long_one := opening(cast))
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
    journal.closed(long_one | {"outcome": "ok"})
    assert drain.run() == 1
    assert [file.name for file in segments(journal.folder)] == [journal.current]
    assert journal.remove(drain.delivered) and list(tmp_path.iterdir()) == []
    assert Call.objects.filter(outcome="ok").count() == 61


def test_a_segment_that_appears_before_it_is_in_force_is_not_read_yet(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    drain = Drain(journal)
    keep_busy(journal, cast, 1)
    (journal.folder / "00000002.jsonl").touch()
    assert drain.run() == 1
    keep_busy(journal, cast, 1)
    assert drain.run() == 1


def test_a_journal_with_something_undelivered_is_not_removed(cast: Cast, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    drain = Drain(journal)
    journal.opened(running := opening(cast))
    assert not journal.remove(drain.delivered), "a call runs"
    journal.closed(running | {"outcome": "ok"})
    assert not journal.remove(drain.delivered), "its end is not in the ledger"
    journal.release()
    assert adopt_orphans(tmp_path) == 1 and Call.objects.get().outcome == "ok"


def test_an_end_that_could_not_be_written_outlives_the_process(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 5000)
    journal = Journal(tmp_path)
    first, second = opening(cast), opening(cast)
    journal.opened(first)
    journal.opened(second)
    descriptor, journal._file = journal._file, os.open("/dev/full", os.O_WRONLY)
    journal.closed(first | {"outcome": "ok"})
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
    journal = Journal(tmp_path)
    keep_busy(journal, cast, 1)
    (journal.folder / ".00000002.jsonl.part").write_bytes(b'{"open":')
    journal.release()
    assert adopt_orphans(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_cannot_be_understood_keeps_no_other_waiting(cast: Cast, tmp_path: Path) -> None:
    strange, good = Journal(tmp_path), Journal(tmp_path)
    segments(strange.folder)[0].write_bytes(b'{"open": 7}\n')
    keep_busy(good, cast, 2)
    for journal in (strange, good):
        journal.release()
    assert adopt_orphans(tmp_path) == 2
    assert list(tmp_path.iterdir()) == [strange.folder], "it is left for a person to look at"


def test_a_long_journal_of_a_dead_process_is_taken_over_in_little_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    rows = 30_000
    for number in range(rows):
        journal.opened({"id": str(number), "input_per_million": None})
        if number % 10_000:
            journal.closed({"id": str(number), "error_message": "x" * 400})
    journal.release()
    tracemalloc.start()
    seen = sum(1 for _ in ends_of(journal.folder))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == rows and most < 1_000_000, f"{most:,} bytes for {rows} calls"


def test_two_processes_that_adopt_at_once_count_each_call_once(transactional_db: None, tmp_path: Path) -> None:
    cast = Cast.create()
    for _ in range(5):
        journal = Journal(tmp_path)
        for _ in range(20):
            opened = opening(cast)
            journal.opened(opened)
            journal.closed(opened | {"outcome": "ok"})
        journal.release()

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


class Killable:
    """Servers of the gateway in processes of their own, over this test's database and one journal folder."""

    def __init__(self, data: Path) -> None:
        held = connection.settings_dict
        host = held["HOST"] or held["OPTIONS"].get("host", "")
        login = f"{held['USER']}:{held['PASSWORD']}@" if held["PASSWORD"] else f"{held['USER']}@"
        address = f"postgresql://{login}/{held['NAME']}?host={quote(host)}"
        if held["PORT"]:
            address += f"&port={held['PORT']}"
        self._environment = os.environ | {
            "DATABASE_URL": address,
            "ATRIUM_DATA": str(data),
            "SECRET_KEY": project.SECRET_KEY,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str = "tests.gateway.serve_alone", *arguments: str) -> tuple[subprocess.Popen[bytes], str]:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", module, *(arguments or [str(port)])]
        environment = self._environment | {"PORT": str(port)}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url), within_s=60)
        return process, url

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/v1/models").status_code == 401
    return False


@pytest.fixture
def killable(team: Cast, tmp_path: Path) -> Iterator[Killable]:
    made = Killable(tmp_path / "data")
    yield made
    made.stop()


async def _words(exchange: Exchange) -> None:
    import asyncio

    await exchange.head(kind="text/event-stream")
    for _ in range(4000):
        await exchange.event(chunk(" word"))
        await asyncio.sleep(0.005)


def test_a_server_killed_in_the_middle_of_a_stream_leaves_its_account(
    killable: Killable, provider: Provider, route: Route, key: str
) -> None:
    provider.behaves(_words)
    process, url = killable.start()
    words = 0
    headers = {"authorization": f"Bearer {key}"}
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.stream("POST", f"{url}/v1/chat/completions", json=ASKED, headers=headers, timeout=20) as answer,
    ):
        began = time.monotonic()
        for line in answer.iter_lines():
            words += "word" in line
            if time.monotonic() - began > 2.5 and process.poll() is None:
                process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert words > 50 and Call.objects.count() == 0
    killable.start()
    call = kept(within_s=10).get()
    assert (call.outcome, call.usage_source, call.route) == ("interrupted", "counted", "echo-model")
    # More than the client read is what lay between the two when the server was killed.
    assert words * 0.4 < call.output_tokens < words * 1.3 + 20, "at most a second of it is missing"
    assert call.cost is not None and call.cost > 0 and call.first_token_ms is not None
    assert call.status == 200, "that is what the client had got"


def test_no_call_is_lost_or_doubled_when_servers_are_killed_under_load(
    killable: Killable, provider: Provider, route: Route, key: str
) -> None:
    """Every call that reached the provider is in the ledger once; every answer that a client got whole is `ok`.

    A server may die between the opening of a call and its sending: that call is in the ledger as interrupted.
    """
    dice = random.Random(5)
    answered: set[str] = set()
    is_over = threading.Event()
    places: list[str] = []

    def ask(seed: int) -> None:
        own = random.Random(seed)
        while not is_over.is_set():
            asked = ASKED | {"stream": own.random() < 0.5}
            try:
                answer = httpx.post(
                    f"{own.choice(places)}/v1/chat/completions",
                    json=asked,
                    headers={"authorization": f"Bearer {key}"},
                    timeout=5,
                )
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            if answer.status_code == 200 and (not asked["stream"] or answer.text.endswith("data: [DONE]\n\n")):
                answered.add(answer.headers["x-atrium-call-id"])

    servers = [killable.start() for _ in range(2)]
    places[:] = [url for _, url in servers]
    clients = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for each in clients:
        each.start()
    for turn in range(3):
        time.sleep(dice.uniform(0.3, 1.0))
        victim = turn % 2
        servers[victim][0].send_signal(signal.SIGKILL)
        servers[victim][0].wait(10)
        servers[victim] = killable.start()
        places[victim] = servers[victim][1]
    is_over.set()
    for each in clients:
        each.join()
    reached = {each.headers["x-client-request-id"] for each in provider.exchanges}
    assert len(reached) == len(provider.exchanges), "the provider had a call twice"
    assert len(answered) > 20
    eventually(lambda: Call.objects.filter(pk__in=answered).count() == len(answered), within_s=15)
    eventually(lambda: not _lagging(places), within_s=15)
    assert set(map(str, Call.objects.filter(outcome="ok").values_list("id", flat=True))) >= answered
    in_ledger = {str(pk): outcome for pk, outcome in Call.objects.values_list("id", "outcome")}
    assert reached <= in_ledger.keys()
    assert {in_ledger[never_sent] for never_sent in in_ledger.keys() - reached} <= {"interrupted"}
    assert_totals_are_the_sums_of_the_calls()


def _lagging(places: list[str]) -> int:
    waiting = 0
    for url in places:
        facts = json.loads(httpx.get(f"{url}/readyz").content)["gateway"]
        waiting += facts["calls_waiting_for_the_ledger"] + facts["calls_running"]
    return waiting
