"""A real installation for tests: `atrium` as a person runs it, in a process, on a data folder and a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parent.parent
NOT_OURS = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "ATRIUM_TESTING", "ATRIUM_MODE", "PYTEST_CURRENT_TEST")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def surroundings(data_folder: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of a person's terminal, without what the tests themselves live in."""
    mine = {name: text for name, text in os.environ.items() if name not in NOT_OURS}
    return {**mine, "ATRIUM_DATA": str(data_folder), "PORT": str(port), **more}


def atrium(
    *arguments: str, data_folder: Path, port: int = 0, timeout_s: float = 60, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "portal.command", *arguments],
        check=False,
        cwd=PROJECT,
        env=surroundings(data_folder, port or free_port(), **more),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def lives(process: psutil.Process) -> bool:
    """Whether it still runs. What has ended and waits for the machine's first process to take note has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(happened: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Wait for `happened` to give something true and return it; fail with `what` when it does not in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if given := happened():
            return given
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {within_s:.0f} s")


class Installation:
    """A running `atrium up`."""

    def __init__(self, data_folder: Path, **more: str) -> None:
        self.data_folder = data_folder
        self.port = free_port()
        self.more = more
        self.printed = data_folder.parent / f"{data_folder.name}.printed"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, within_s: float = 120) -> float:
        """Start it and wait for the line that says it is ready; how long that took, in seconds."""
        began = time.monotonic()
        with self.printed.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.command", "up"],
                cwd=PROJECT,
                env=surroundings(self.data_folder, self.port, **self.more),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(self._is_ready_or_gone, within_s=within_s, what=f"ready ({self.printed.read_text()})")
        assert self.process.poll() is None, self.printed.read_text()
        return time.monotonic() - began

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send the supervisor `number` and wait for its end; how long that took, in seconds."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began

    def record(self) -> dict[str, Any]:
        """What the supervisor wrote down."""
        facts: dict[str, Any] = json.loads((self.data_folder / "state.json").read_text())
        return facts

    def pid(self, part: str) -> int:
        number: int = self.record()["parts"][part]["pid"] or 0
        return number

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it that lives."""
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def get(self, path: str, timeout_s: float = 5) -> int:
        """The status that a GET answers, or 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout_s) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)
        except OSError:
            return 0

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return atrium(*arguments, data_folder=self.data_folder, port=self.port, timeout_s=timeout_s, **self.more)

    def _is_ready_or_gone(self) -> bool:
        assert self.process is not None
        return "Atrium is ready: " in self.printed.read_text() or self.process.poll() is not None
