"""What the doctor and the status page say about an installation."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import Verification
from audit.tasks import verify_all
from portal import audit_watch, isolation, pulse, status
from portal.isolation import Hole
from portal.supervisor import journal
from tenants.models import Notification
from tests.cast import Cast


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, db: None) -> Path:
    """The data folder of this test's installation."""
    settings.DATA_FOLDER = tmp_path
    settings.LOCAL_MODEL_URL = ""
    call_command("createcachetable")
    return tmp_path


def record(folder: Path, **facts: Any) -> None:
    """What a supervisor (this process) would have written about its part `web` (this process too)."""
    me, ticks = os.getpid(), journal.started_ticks(os.getpid())
    part = {"state": "running", "pid": me, "ticks": ticks, "restarts": 0, "started_at": time.time(), "log": "web.log"}
    parts = {"web": {**part, **facts}}
    journal.write(folder, {"pid": me, "ticks": ticks, "started_at": time.time(), "parts": parts})


def finding(name: str) -> status.Finding:
    return next(one for one in status.findings() if one.name == name)


def test_a_part_that_runs_is_good_and_its_memory_is_known(folder: Path) -> None:
    record(folder)
    (row,) = status.parts()
    assert (row.name, row.state, row.words) == ("web", status.State.GOOD, "answers")
    assert row.memory_bytes is not None
    assert row.memory_bytes > 1_000_000


def test_a_part_that_was_started_again_lately_is_a_warning_with_the_reason(folder: Path) -> None:
    record(folder, restarts=2, last_end="signal 9 (SIGKILL)", last_end_at=time.time() - 60)
    (row,) = status.parts()
    assert row.state == status.State.WARNING
    assert row.words == "answers; started again 2 times, last after signal 9 (SIGKILL)"
    assert "web.log" in row.mend


def test_a_part_that_was_started_again_long_ago_is_good_and_still_says_so(folder: Path) -> None:
    record(folder, restarts=2, last_end="signal 9 (SIGKILL)", last_end_at=time.time() - 7200)
    (row,) = status.parts()
    assert row.state == status.State.GOOD
    assert "started again 2 times" in row.words


def test_a_part_whose_number_now_belongs_to_another_process_is_bad(folder: Path) -> None:
    record(folder, ticks=1)
    (row,) = status.parts()
    assert row.state == status.State.BAD
    assert row.pid is None


def test_a_supervisor_that_is_gone_leaves_no_parts(folder: Path) -> None:
    record(folder)
    written = journal.read(folder)
    journal.write(folder, {**written, "ticks": 1})
    assert status.parts() == []
    assert "make run" in finding("supervisor").mend


def test_a_record_that_is_half_written_reads_as_none(folder: Path) -> None:
    (folder / journal.NAME).write_text('{"pid": 1')
    assert journal.read(folder) == {}
    assert status.parts() == []


def test_the_pulse_tells_whether_jobs_arrive(folder: Path) -> None:
    cache.delete(pulse.KEY)
    assert finding("jobs").state == status.State.WARNING
    pulse.beat()
    assert finding("jobs").state == status.State.GOOD
    cache.set(pulse.KEY, timezone.now() - dt.timedelta(minutes=10), 3600)
    late = finding("jobs")
    assert late.state == status.State.BAD
    assert "worker and beat" in late.mend


def test_the_database_names_its_versions(folder: Path) -> None:
    found = finding("database")
    assert found.state == status.State.GOOD
    assert "PostgreSQL" in found.words
    assert "pgvector" in found.words


def test_a_local_model_that_does_not_answer_is_bad(folder: Path, settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = "http://127.0.0.1:9/v1"
    assert finding("local model").state == status.State.BAD


def test_the_whole_is_as_good_as_its_worst_part(folder: Path) -> None:
    record(folder)
    assert status.look().state == status.State.BAD  # no web server of this test's port answers


def test_only_what_was_good_is_believed_for_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walls(believed_s: float) -> status.State:
        return next(one.state for one in status.look(believed_s=believed_s).findings if one.name == "walls")

    monkeypatch.setattr(status, "_last_good", {})
    holes = [Hole("tenants_project", "has no policy")]
    monkeypatch.setattr(isolation, "standing", lambda: holes)
    assert walls(60) == status.State.BAD
    monkeypatch.setattr(isolation, "standing", list)
    assert walls(60) == status.State.GOOD
    monkeypatch.setattr(isolation, "standing", lambda: holes)
    assert walls(60) == status.State.GOOD
    assert walls(0) == status.State.BAD


def test_a_broken_audit_is_bad_until_a_later_verification_finds_nothing(folder: Path) -> None:
    assert finding("audit").state == status.State.GOOD
    now = timezone.now()
    Verification.objects.create(state="broken", finished_at=now - dt.timedelta(hours=1), findings=[{}, {}])
    found = finding("audit")
    assert found.state == status.State.BAD
    assert "2 findings" in found.words
    Verification.objects.create(state="verified", finished_at=now, checked=1)
    assert "no findings in 1 entry" in finding("audit").words


def test_who_may_see_the_audit_is_told_once_that_it_is_broken_and_sees_it_at_home(cast: Cast, client: Client) -> None:
    made = Verification.objects.create(state="broken", finished_at=timezone.now(), findings=[{}])
    verify_all.apply([str(made.pk)])
    audit_watch.tell_of_findings()
    told = Notification.objects.filter(path__contains=str(made.pk))
    assert {(line.user, line.title) for line in told} == {
        (who, "The audit is broken: 1 finding") for who in (cast.ada, cast.pat)
    }
    client.force_login(cast.ada)
    assert "The audit is broken" in client.get("/").content.decode()
    client.force_login(cast.dev)
    assert "The audit is broken" not in client.get("/").content.decode()
