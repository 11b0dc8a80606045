"""Start the parts in order, keep them running, and take them down in the order in which nothing is lost.

The database comes first and goes last; what serves people stops first, so that it can settle its calls.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from portal.embedded import postgres
from portal.embedded.trouble import CannotStart
from portal.supervisor import journal, parts
from portal.supervisor.child import Child, Part
from portal.supervisor.installation import PROJECT, Installation
from portal.supervisor.mortality import leash

TICK_S = 0.1
PATIENCE_S = {"postgres": 120.0}  # it may have to replay its log first
PATIENCE_OTHERWISE_S = 60.0
STARTS_BEFORE_GIVING_UP = 3
POLITE_STOP_S = 6.5
DATABASE_STOP_S = 2.5


class Stopping(Exception):
    """Somebody asked for the end while things were still being started."""


class Supervisor:
    """The foreground process of an installation, and its children."""

    def __init__(
        self, here: Installation, say: Callable[[str], None], *, verbose: bool = False, reload: bool = False
    ) -> None:
        self.here = here
        self.say = say
        self.reload = reload
        self.log_folder = None if verbose else here.data_folder / "log"
        self.children: list[Child] = []
        self.asked_to_stop = 0
        self.wake = threading.Event()
        self.started_at = time.time()
        self.ready_at: float | None = None
        self.written: dict[str, Any] = {}

    def run(self, when_ready: Callable[[], None]) -> None:
        """Start everything, call `when_ready`, and stay until asked to stop. Raises `CannotStart`."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        try:
            self._start()
            self.ready_at = time.time()
            self._record()
            when_ready()
            while not self.asked_to_stop:
                self._tick()
        except Stopping:
            pass
        finally:
            self.stop()

    def stop(self) -> None:
        """Take all parts down within ten seconds: those who serve first, the database last."""
        if self.asked_to_stop:
            self.say("Stopping …")
        database = [child for child in self.children if child.part.name == "postgres"]
        self._stop([child for child in self.children if child not in database], time.time() + POLITE_STOP_S)
        self._stop(database, time.time() + DATABASE_STOP_S)
        self.children.clear()
        self._record()
        if self.asked_to_stop:
            self.say("Stopped.")

    def _start(self) -> None:
        here = self.here
        if here.embedded_database:
            opened = postgres.initialise(here.data_folder)
            for folder in opened:
                self.say(f"  {folder} may now be passed through by other accounts: Postgres does not run as root")
            self._start_and_wait([parts.database(here)])
            postgres.ensure_database(here.data_folder)
        serving = [parts.models(here)] if here.local_model else []
        for part in serving:
            self._add(part)
        self._prepare()
        self._start_and_wait([parts.web(here, reload=self.reload), parts.worker(here), parts.beat(here)])

    def _prepare(self) -> None:
        """Tables, queue, assets and data, in a process of its own whose memory is given back afterwards."""
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.supervisor.preparing"],
            stdin=subprocess.DEVNULL,
            env={**parts.environment(self.here), **parts.address_of_the_owner()},
            cwd=PROJECT,
            process_group=0,
            preexec_fn=leash(signal.SIGTERM),
        )
        try:
            while process.poll() is None:
                self._tick()
                if self.asked_to_stop:
                    raise Stopping
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(3)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if process.returncode != 0:
            raise CannotStart("")  # it has said why

    def _add(self, part: Part) -> Child:
        child = Child(part, self.log_folder)
        self.children.append(child)
        child.start()
        self._record()
        return child

    def _start_and_wait(self, wanted: list[Part]) -> None:
        for part in wanted:
            self._add(part)
        deadline = time.time() + max(PATIENCE_S.get(part.name, PATIENCE_OTHERWISE_S) for part in wanted)
        while waiting := [child for child in self.children if not child.answered]:
            self._tick()
            if self.asked_to_stop:
                raise Stopping
            late = [child for child in waiting if child.restarts >= STARTS_BEFORE_GIVING_UP or time.time() > deadline]
            for child in late:
                words = child.last_words() or child.last_end or "it says nothing"
                if child.part.is_needed:
                    raise CannotStart(f"The part {child.part.name!r} does not start: {words} (log: {child.log})")
            if late and len(late) == len(waiting):
                self.say(f"  {', '.join(child.part.name for child in late)}: no answer yet; going on without")
                return

    def _tick(self) -> None:
        """Look after every child once, then sleep a little."""
        for child in self.children:
            if child.has_ended():
                pause = max(0.0, (child.next_start_at or 0) - time.time())
                log = f"; its log is {child.log}" if child.log else ""
                self.say(f"  {child.part.name} ended ({child.last_end}); starting it again in {pause:.1f} s{log}")
            elif child.is_due():
                child.restarts += 1
                child.start()
            elif child.process is not None and not child.answered and child.part.is_ready(child.process.pid):
                child.answered = True
                if child.restarts and self.ready_at:
                    self.say(f"  {child.part.name} is back")
        self._record()
        self.wake.wait(TICK_S)

    def _stop(self, children: list[Child], until: float) -> None:
        for child in children:
            child.ask_to_stop()
        # All of those that do not end are pressed together: one after the other would take a second for each.
        left = [child for child in children if not child.wait_until_stopped(until)]
        for press in (lambda child: child.part.hard_stop_signal, lambda _: signal.SIGKILL):
            for child in left:
                child.signal_group(press(child))
            pressed_until = time.time() + 0.5
            left = [child for child in left if not child.wait_until_stopped(pressed_until)]
        for child in children:
            child.next_start_at = None

    def _record(self) -> None:
        """Write the state down where it differs from what was last written."""
        facts = {
            "pid": os.getpid(),
            "ticks": journal.started_ticks(os.getpid()),
            "started_at": self.started_at,
            "ready_at": self.ready_at,
            "address": self.here.address,
            "mode": self.here.mode,
            "parts": {child.part.name: child.facts() for child in self.children},
        }
        if facts != self.written:
            journal.write(Path(self.here.data_folder), facts)
            self.written = facts

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop += 1
        self.wake.set()
        if self.asked_to_stop > 2:  # the person insists
            for child in self.children:
                child.signal_group(child.part.hard_stop_signal)
