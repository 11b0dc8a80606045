"""One supervised part: how it is started, told to stop, and when it may be started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from portal.embedded.unprivileged import Identity
from portal.supervisor import journal
from portal.supervisor.mortality import leash

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0  # a part that ran this long starts again with the shortest pause
LONGEST_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Part:
    """What is to be run, and how one sees that it answers (asked with the number of its process)."""

    name: str
    command: list[str]
    is_ready: Callable[[int], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    hard_stop_signal: signal.Signals = signal.SIGKILL
    environment: dict[str, str] | None = None
    folder: Path | None = None
    is_needed: bool = True  # without it there is nothing to offer, so starting stops
    identity: Identity = field(default_factory=lambda: Identity())


class Child:
    """A part and the process that currently is it."""

    def __init__(self, part: Part, log_folder: Path | None) -> None:
        self.part = part
        self.log = log_folder / f"{part.name}.log" if log_folder else None
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.answered = False
        self.restarts = 0
        self.last_end = ""
        self.last_end_at: float | None = None
        self.next_start_at: float | None = None
        self.pause_s = FIRST_PAUSE_S
        self.ticks: int | None = None

    def start(self) -> None:
        """Start the process, in a group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone."""
        output = self._open_log()
        try:
            self.process = subprocess.Popen(
                self.part.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.part.folder,
                env=self.part.environment,
                process_group=0,
                preexec_fn=leash(self.part.stop_signal),
                **self.part.identity,
            )
        finally:
            if output is not None:
                output.close()
        self.started_at = time.time()
        self.ticks = journal.started_ticks(self.process.pid)
        self.next_start_at = None
        self.answered = False

    def has_ended(self) -> bool:
        """Whether the process has ended since it was last looked at; if so, notes how, and when to start it again."""
        if self.process is None or (status := self.process.poll()) is None:
            return False
        self.signal_group(signal.SIGKILL)  # whatever it had started must not outlive it
        self.last_end = describe(status)
        self.last_end_at = time.time()
        if self.last_end_at - self.started_at > STEADY_AFTER_S:
            self.pause_s = FIRST_PAUSE_S
        self.next_start_at = self.last_end_at + self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)
        self.process = None
        self.answered = False
        return True

    def is_due(self) -> bool:
        """Whether the pause after its end is over."""
        return self.process is None and self.next_start_at is not None and time.time() >= self.next_start_at

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the process and everything it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def ask_to_stop(self) -> None:
        """The polite signal, to the process alone: it knows how to take its own children down."""
        if self.process is not None:
            self.process.send_signal(self.part.stop_signal)

    def wait_until_stopped(self, until: float) -> bool:
        """Wait until the process has ended, at most until the moment `until`; whether it has."""
        while self.process is not None:
            if self.process.poll() is not None:
                self.signal_group(signal.SIGKILL)
                self.last_end, self.last_end_at = describe(self.process.returncode), time.time()
                self.process = None
                break
            if time.time() >= until:
                return False
            time.sleep(0.02)
        return True

    def facts(self) -> dict[str, Any]:
        """What the record says about this part."""
        state = "waiting" if self.process is None else "running" if self.answered else "starting"
        return {
            "state": state if self.process is not None or self.next_start_at is not None else "stopped",
            "pid": self.process.pid if self.process else None,
            "ticks": self.ticks if self.process else None,
            "started_at": self.started_at or None,
            "restarts": self.restarts,
            "last_end": self.last_end,
            "last_end_at": self.last_end_at,
            "next_start_at": self.next_start_at,
            "log": str(self.log) if self.log else "",
        }

    def last_words(self) -> str:
        """The last line of its log, for the person at the terminal."""
        if self.log is None or not self.log.is_file():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4000))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _open_log(self) -> IO[bytes] | None:
        if self.log is None:
            return None
        if self.log.is_file() and self.log.stat().st_size > LONGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")


def describe(status: int) -> str:
    """How a process ended, in words: its exit status or the signal that ended it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"
