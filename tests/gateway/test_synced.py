"""`GATEWAY_DURABILITY=machine`: what a provider was asked is on the disk before, and nobody else waits for the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from audit.identifiers import uuid7
from catalog.models import Route
from gateway import grouping, syncing
from gateway import journal as journal_module
from gateway.delivery import Drain, adopt_orphans, ends_of
from gateway.journal import JournalUnwritable, segments
from gateway.syncing import Syncing
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.journal_of_rows import JournalOfRows
from tests.gateway.provider import Exchange, Provider, well_behaved
from tests.gateway.serving import Served
from tests.gateway.test_journal import opening
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


class Disk:
    """What would be left after a loss of power: the bytes of files and the names in folders that were synced.

    `trouble` is raised by the next `fsync` of a file, if any; with `gate` closed each waits.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._files: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._sync = os.fsync
        self.synced = 0
        self.trouble: list[OSError] = []
        self.gate = threading.Event()
        self.gate.set()
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        assert self.gate.wait(20)
        held = os.fstat(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}")
        if stat.S_ISDIR(held.st_mode):
            with os.scandir(descriptor) as entries:  # also of those that are deleted meanwhile
                names = {entry.name: entry.inode() for entry in entries}
            self._sync(descriptor)
            self._names[held.st_ino] = names
            return
        if self.trouble:
            raise self.trouble.pop()
        content = path.read_bytes()
        self._sync(descriptor)
        self._files[held.st_ino] = content
        self.synced += 1

    def left(self, root: Path, into: Path) -> Path:
        """The journals of `root` as they would be found after a loss of power, copied to `into`."""
        for name, folder in self._names.get(root.stat().st_ino, {}).items():
            for file, inode in self._names.get(folder, {}).items():
                (into / name).mkdir(parents=True, exist_ok=True)
                (into / name / file).write_bytes(self._files.get(inode, b""))
        return into


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(grouping, "PAUSE_S", 0.2)
    return Disk(monkeypatch)


@pytest.fixture
def journals(tmp_path: Path, settings: Settings) -> Path:
    settings.GATEWAY_DURABILITY = "machine"
    settings.JOURNAL_FOLDER = tmp_path / "data" / "journal"
    return settings.JOURNAL_FOLDER


@pytest.fixture
def client(disk: Disk, journals: Path, route: Route, key: str) -> Iterator[httpx.Client]:
    with (
        Served() as front,
        httpx.Client(base_url=front.url, headers={"authorization": f"Bearer {key}"}, timeout=20) as made,
    ):
        yield made


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED)


def test_it_works(client: httpx.Client, disk: Disk) -> None:
    assert [ask(client).status_code for _ in range(3)] == [200] * 3
    assert {call.outcome for call in kept(3)} == {"ok"} and disk.synced >= 3
    assert client.get("/readyz").json()["gateway"]["durability"] == "machine"


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are full after a few calls."""
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 3000)


@pytest.mark.usefixtures("short_segments")
def test_what_a_provider_was_asked_is_found_after_a_loss_of_power(
    client: httpx.Client, disk: Disk, journals: Path, provider: Provider, tmp_path: Path
) -> None:
    """Looked at when the provider has the prompt."""
    missed: list[str] = []
    numbers = iter(range(1000))

    async def looks(exchange: Exchange) -> None:
        into = disk.left(journals, tmp_path / f"left-{next(numbers)}")
        found = {row["id"] for folder in into.glob("*") for row in ends_of(folder)}
        call = exchange.headers["x-client-request-id"]
        missed.extend([] if call in found else [call])
        await well_behaved(exchange)

    provider.behaves(looks)
    with ThreadPoolExecutor(8) as clients:
        assert [each.status_code for each in clients.map(lambda _: ask(client), range(60))] == [200] * 60
    assert missed == []
    kept(60, within_s=5)
    assert max(segments(folder)[-1].name for folder in journals.glob("*-*")) > "00000003.jsonl"


def test_the_loop_goes_on_while_a_disk_is_slow(client: httpx.Client, disk: Disk, provider: Provider) -> None:
    assert ask(client).status_code == 200
    disk.gate.clear()
    with ThreadPoolExecutor(5) as clients:
        waiting = [clients.submit(ask, client) for _ in range(5)]
        time.sleep(0.3)
        began = time.monotonic()
        assert client.get("/v1/models").status_code == 200
        assert time.monotonic() - began < 2
        assert len(provider.exchanges) == 1, "nobody is asked before the opening is on the disk"
        disk.gate.set()
        assert [each.result().status_code for each in waiting] == [200] * 5
    kept(6)


def test_a_disk_that_does_not_return_refuses_the_call(
    client: httpx.Client, disk: Disk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(client).status_code == 200
    kept()
    monkeypatch.setattr(syncing, "WITHIN_S", 0.3)
    disk.gate.clear()
    try:
        began = time.monotonic()
        refused = ask(client)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "journal_unwritable")
        assert time.monotonic() - began < 3
        time.sleep(grouping.PAUSE_S)
        assert ask(client).status_code == 503, "it still does not"
        assert len(provider.exchanges) == 1
    finally:
        disk.gate.set()
    eventually(lambda: ask(client).status_code == 200, within_s=5)
    eventually(lambda: Call.objects.filter(outcome="ok").count() == 2)
    assert_totals_are_the_sums_of_the_calls()


def test_an_answer_is_not_held_back_for_the_disk(client: httpx.Client, disk: Disk, provider: Provider) -> None:
    async def slow_disk(exchange: Exchange) -> None:
        disk.gate.clear()
        await well_behaved(exchange)

    provider.behaves(slow_disk)
    try:
        assert ask(client).status_code == 200
        assert kept().get().outcome == "ok", "nor is the ledger"
    finally:
        disk.gate.set()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_does_not_take_it_refuses_the_call(
    client: httpx.Client, disk: Disk, provider: Provider, journals: Path, number: int
) -> None:
    assert ask(client).status_code == 200
    (folder,) = journals.glob("*-*")
    before = segments(folder)[-1].name
    kept()
    disk.trouble.append(OSError(number, os.strerror(number)))
    refused = ask(client)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert refused.json()["error"]["code"] == "journal_unwritable"
    assert len(provider.exchanges) == 1, "the provider was not asked"
    eventually(lambda: ask(client).status_code == 200)
    assert segments(folder)[-1].name > before, "what cannot be trusted is written to no more"
    eventually(lambda: Call.objects.filter(outcome="ok").count() == 2)
    call = Call.objects.get(pk=refused.headers["x-atrium-call-id"])
    assert (call.outcome, call.status, call.error_code) == ("failed", 503, "journal_unwritable")
    assert (call.input_tokens, call.output_tokens, call.cost or 0) == (0, 0, 0)
    assert_totals_are_the_sums_of_the_calls()


def test_others_are_refused_at_once_while_it_is_known(client: httpx.Client, disk: Disk, provider: Provider) -> None:
    disk.trouble += [OSError(errno.EIO, "broken") for _ in range(3)]
    assert ask(client).status_code == 503
    told = ask(client)
    assert told.status_code == 503 and len(disk.trouble) == 2, "the disk was not asked again for it"
    eventually(lambda: ask(client).status_code == 200, within_s=5)
    assert disk.trouble == [] and len(provider.exchanges) == 1


def test_a_caller_who_leaves_before_it_is_on_the_disk_has_used_nothing(
    client: httpx.Client, disk: Disk, provider: Provider
) -> None:
    assert ask(client).status_code == 200
    disk.gate.clear()
    try:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/chat/completions", json=ASKED, timeout=0.5)
        left = kept(2).last()
    finally:
        disk.gate.set()
    assert left is not None
    assert (left.outcome, left.status, left.input_tokens, left.cost or 0) == ("cancelled", 499, 0, 0)
    assert len(provider.exchanges) == 1


# --- the journal itself -------------------------------------------------------------------------------------------


class Synced:
    """A journal that is synced, in a loop that runs only when it is told to: the ledger is asked in between."""

    def __init__(self, root: Path, cast: Cast) -> None:
        self._like = opening(cast)
        self._runner = asyncio.Runner()
        self.journal = self._runner.run(self._begin(root))

    async def _begin(self, root: Path) -> JournalOfRows:
        journal = JournalOfRows(root)
        journal.keeping = Syncing(journal)
        return journal

    def new(self) -> dict[str, Any]:
        """The opening of another call."""
        return self._like | {"id": str(uuid7())}

    async def keep(self) -> dict[str, Any]:
        """Open a call, and wait as one does."""
        waited = self.journal.open_row(row := self.new())
        assert waited is not None
        await waited
        return row

    async def close(self, row: dict[str, Any]) -> None:
        self.journal.close_row(row | {"outcome": "ok"})

    def run[Result](self, work: Coroutine[Any, Any, Result], then_s: float = 0) -> Result:
        """Let the loop run for `work`, and as long again as is said."""

        async def do() -> Result:
            result = await work
            await asyncio.sleep(then_s)
            return result

        return self._runner.run(do())

    def end(self) -> None:
        assert self.journal.keeping is not None
        self._runner.run(self.journal.keeping.end())
        self.journal.release()
        self._runner.close()


@pytest.fixture
def held(db: None, cast: Cast, tmp_path: Path, disk: Disk) -> Iterator[Synced]:
    made = Synced(tmp_path, cast)
    yield made
    disk.gate.set()
    made.end()


def found(journal: JournalOfRows) -> set[str]:
    """The calls that a journal tells of when its process is dead."""
    return {row["id"] for row in ends_of(journal.folder)}


def test_calls_that_wait_at_once_share_one_sync(held: Synced, disk: Disk) -> None:
    async def work() -> None:
        disk.gate.clear()
        waiting = [asyncio.ensure_future(held.keep()) for _ in range(100)]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
        disk.gate.set()
        await asyncio.gather(*waiting)

    held.run(work())
    assert disk.synced <= 3


def test_an_end_that_a_failed_sync_may_have_lost_is_carried_all_the_same(
    held: Synced, disk: Disk, tmp_path: Path
) -> None:
    """The kernel may forget what it could not write, and the next sync of that file succeeds."""
    first, running = held.run(held.keep()), held.run(held.keep())
    disk.trouble.append(OSError(errno.EIO, "broken"))
    held.run(held.close(first), then_s=0.1)
    (file,) = segments(held.journal.folder)
    file.write_bytes(b"")  # forgotten
    held.run(asyncio.sleep(grouping.PAUSE_S))
    third = held.run(held.keep())
    assert found(held.journal) == {first["id"], running["id"], third["id"]}
    assert Drain(held.journal).run() == 1 and Call.objects.get().outcome == "ok"
    held.journal.release()
    assert adopt_orphans(tmp_path) >= 2
    assert Call.objects.count() == 3 and Call.objects.filter(outcome="interrupted").count() == 2


def test_nothing_is_opened_while_no_new_segment_can_be_begun(
    held: Synced, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.run(held.keep())
    disk.trouble.append(OSError(errno.EIO, "broken"))
    with pytest.raises(JournalUnwritable):
        held.run(held.keep())
    held.run(asyncio.sleep(grouping.PAUSE_S + 0.1))
    rename, full = Path.rename, [True]

    def no_room(self: Path, target: Path) -> Path:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", no_room)
    with pytest.raises(JournalUnwritable):
        held.run(held.keep())
    full.clear()
    assert held.run(held.keep())["id"] in found(held.journal)


@pytest.mark.usefixtures("short_segments")
def test_a_segment_is_kept_until_the_one_that_repeats_it_is_on_the_disk(held: Synced, disk: Disk) -> None:
    journal, drain = held.journal, Drain(held.journal)
    running, first = held.run(held.keep()), held.run(held.keep())
    disk.gate.clear()
    for row in (first, held.new(), held.new()):
        held.run(held.close(row))
    assert journal.current > "00000001.jsonl"
    assert drain.run() == 3 and drain.run() == 0
    assert segments(journal.folder)[0].name == "00000001.jsonl", "its openings are not known to be elsewhere"
    disk.gate.set()
    eventually(lambda: held.run(asyncio.sleep(0.01)) or journal.needed == journal.current)
    assert drain.run() == 0
    assert [file.name for file in segments(journal.folder)] == [journal.current]
    assert running["id"] in found(journal)
