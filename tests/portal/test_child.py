"""A part that dies is started again, after pauses that grow and begin anew once it ran steadily."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from portal.supervisor import child as module
from portal.supervisor.child import Child, Part, describe
from tests.installation import until


def part(code: str) -> Part:
    return Part("part", [sys.executable, "-c", code], is_ready=lambda pid: True)


def lives_and_dies(running: Child) -> float:
    """Start it, wait for its end; the pause that follows, in seconds."""
    running.start()
    until(running.has_ended, within_s=10, what="it ends")
    assert running.next_start_at is not None and running.last_end_at is not None
    return running.next_start_at - running.last_end_at


def test_the_pauses_double_up_to_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    dying = Child(part("raise SystemExit(3)"), None)
    assert [lives_and_dies(dying) for _ in range(3)] == pytest.approx([0.5, 1.0, 2.0])
    assert dying.last_end == "exit status 3"
    dying.pause_s = 20.0
    assert [lives_and_dies(dying) for _ in range(3)] == pytest.approx([20.0, 30.0, 30.0])
    monkeypatch.setattr(module, "STEADY_AFTER_S", 0.0)
    assert lives_and_dies(dying) == pytest.approx(0.5), "it had run steadily"


def test_it_is_due_when_the_pause_is_over_and_not_before() -> None:
    dying = Child(part(""), None)
    lives_and_dies(dying)
    assert not dying.is_due()
    dying.next_start_at = time.time()
    assert dying.is_due()
    assert dying.facts()["state"] == "waiting"


def test_what_it_had_started_does_not_outlive_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, pathlib, os;"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(below.pid)); os.kill(os.getpid(), 9)"
    )
    parent = Child(part(code), None)
    lives_and_dies(parent)
    assert parent.last_end == "signal 9 (SIGKILL)"
    below = int((tmp_path / "pid").read_text())
    until(
        lambda: not psutil.pid_exists(below) or psutil.Process(below).status() == psutil.STATUS_ZOMBIE,
        within_s=5,
        what="the process below is gone",
    )


def test_a_log_that_grew_too_long_is_put_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LOG_BYTES", 10)
    speaking = Child(part("print('a line that is longer than that')"), tmp_path)
    for _ in range(3):
        lives_and_dies(speaking)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["part.log", "part.log.1"]
    assert speaking.last_words() == "a line that is longer than that"


@pytest.mark.parametrize(("status", "words"), [(0, "exit status 0"), (-signal.SIGTERM, "signal 15 (SIGTERM)")])
def test_an_end_is_told_in_words(status: int, words: str) -> None:
    assert describe(status) == words
