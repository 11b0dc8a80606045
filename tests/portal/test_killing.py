"""How tests kill workers (`tests.killing`): whoever waits for a worker that never ends is told, and ends it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from tests import killing
from tests.killing import Worker, killed_everywhere


def _hang(key: str) -> None:
    if key == "hangs":
        Path(os.environ["KILLED_FOLDER"], "worker").write_text(str(os.getpid()))
        time.sleep(3600)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


HANGING = Worker(_hang, lambda key: key)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_hangs_is_waited_for_no_longer_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(number: int) -> str:
        if not number:
            return "begins"
        monkeypatch.setattr(killing, "ANSWER_WITHIN_S", 8)  # all is loaded by now
        return "hangs"

    with pytest.raises(AssertionError, match="none within 8 s"):
        killed_everywhere(f"{__name__}:HANGING", tmp_path, begin)
    worker = int((tmp_path / "worker").read_text())
    until = time.monotonic() + 10
    while _lives(worker):
        assert time.monotonic() < until, "the worker stayed behind"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_no_other_database_than_the_tests_is_worked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/another")
    with pytest.raises(AssertionError, match="another database"):
        killed_everywhere(f"{__name__}:HANGING", tmp_path, lambda number: "begins")
