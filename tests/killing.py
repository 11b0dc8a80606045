"""Workers that are killed one after the other, at every place where what they leave behind could differ.

Those places (`Site`) are found, not listed: before a transaction commits, after it has, before each statement that
writes, before each file that is opened to be written, renamed or removed, and before a job returns. A worker is a real
process, forked from one that has the code loaded; it kills itself with SIGKILL at the first site where none was killed
before, and the next one goes on with what it left. Once none is left to kill, the last has finished the work.

What stands behind a commit (a mail, an anchor of the audit) is passed once by each work, so several works of the same
kind are done until every site had its turn.

This file is that process too: `python -m tests.killing MODULE:WORKER` reads a key a line and answers with the sites.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Timer
from typing import IO, Any

import django
from django.conf import settings
from django.db import connection, connections
from django.urls import reverse

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")
MOST_WORKERS = 1000
ANSWER_WITHIN_S = 300  # over one work; then somebody waits for what never comes


@dataclass(frozen=True)
class Worker:
    """What a worker does with a work's key, as its messages would have it; and how far the work is, in words. What it
    writes to the table `noted_in` it commits at once: before this write nothing else is to be seen than before that.
    """

    work: Callable[[str], Any]
    how_far: Callable[[str], str]
    noted_in: str = ""


@dataclass(frozen=True)
class Killed:
    """Where workers were killed over one work."""

    key: Any
    sites: list[str]


def killed_everywhere(worker: str, folder: Path, begin: Callable[[int], Any]) -> list[Killed]:
    """Let workers of `worker` (`module:name`) be killed over one work after the other, which `begin` makes by its
    number, until one is ended by the first that is set to it.

    Their temporary files and mails lie in `folder`, anchors of the audit where the test's do.
    """
    with _workers(worker, folder) as ask:
        done = [Killed(key := begin(0), ask(key))]
        while done[-1].sites:
            done.append(Killed(key := begin(len(done)), ask(key)))
    left = list((folder / "temporary").iterdir())
    assert not left, f"killed workers left {left} behind"
    return done


@contextmanager
def _workers(worker: str, folder: Path) -> Iterator[Callable[[Any], list[str]]]:
    """The process that forks workers: asked with a key, it answers with the sites where they were killed."""
    for name in ("temporary", "mails"):
        (folder / name).mkdir()
    given_to_us = os.environ["DATABASE_URL"]
    of_the_test = given_to_us.replace("/postgres?", f"/{connection.settings_dict['NAME']}?")
    assert of_the_test != given_to_us, "workers would be killed over another database than the test's"
    given = {
        "DATABASE_URL": of_the_test,
        "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONDONTWRITEBYTECODE": "1", "CELERY_BROKER_URL": "memory://",
        "TMPDIR": str(folder / "temporary"), "KILLED_FOLDER": str(folder),
        "KILLED_ANCHORS": str(settings.AUDIT_ANCHORS),
    }  # fmt: skip
    said = folder / "said.txt"
    with said.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing", worker],
            env=os.environ | given, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    asked, answers = process.stdin, process.stdout

    def end() -> None:
        os.killpg(process.pid, signal.SIGKILL)  # with the worker that it forked

    def ask(key: Any) -> list[str]:
        print(key, file=asked, flush=True)
        too_long = Timer(ANSWER_WITHIN_S, end)
        too_long.start()
        try:
            line = answers.readline()
        finally:
            too_long.cancel()
        assert line, f"no answer, or none within {ANSWER_WITHIN_S} s: {said.read_text()}"
        return list(json.loads(line))

    try:
        yield ask
    finally:
        end()
        process.wait()


@dataclass
class _Sites:
    """Within one worker: the sites as it comes by, and death at the first where nobody died."""

    how_far: Callable[[], str]
    killed: set[str]
    told: IO[str]
    noted_in: str
    place: str = ""
    passed: dict[str, int] = field(default_factory=dict)
    is_armed: bool = False

    def arm(self) -> None:
        self.look()
        self.is_armed = True

    def look(self) -> None:
        """Read how far the work is; there everything is counted from the beginning."""
        self.is_armed, was = False, self.is_armed
        if (now := self.how_far()) != self.place:
            self.place, self.passed = now, {}
        self.is_armed = was

    def come_by(self, what: str) -> None:
        if not self.is_armed:
            return
        number = self.passed[what] = self.passed.get(what, 0) + 1
        site = f"{self.place}: {what}, {number}"
        if site not in self.killed:
            print(site, file=self.told, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def file(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook of Python: what is about to happen to a file."""
        if event == "open" and not isinstance(args[0], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            self.come_by(f"writing to {_named(args[0])}")
        elif event in ("os.rename", "os.remove", "os.truncate", "os.link"):
            self.come_by(f"{event} of {_named(args[0])}")

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and (words := sql.split(maxsplit=3)) and words[0].upper() in WRITES:
            table = words[1] if words[0] == "UPDATE" else words[2]
            if not self.noted_in or table.strip('"') != self.noted_in:
                self.come_by(f"{words[0].upper()} of {table}")
        return execute(sql, params, many, context)


def _worker(worker: Worker, key: str, killed: set[str], told: IO[str]) -> None:
    sites = _Sites(lambda: worker.how_far(key), killed, told, worker.noted_in)
    wrapper: Any = connections["default"]
    commit, what_follows = wrapper._commit, wrapper.run_and_clear_commit_hooks

    def commit_or_die() -> None:
        sites.come_by("before a commit")
        commit()
        sites.come_by("after a commit")

    def look_and_go_on() -> None:
        sites.look()
        what_follows()

    wrapper._commit, wrapper.run_and_clear_commit_hooks = commit_or_die, look_and_go_on
    wrapper.execute_wrappers.insert(0, sites.statement)  # what guards statements puts words before them
    sys.addaudithook(sites.file)
    sites.arm()
    worker.work(key)
    sites.come_by("before the job returns")


def _named(path: Any) -> str:
    """A file's name, with a sign for each number: it may hold a time or a process."""
    return re.sub(r"\d+", "#", Path(os.fsdecode(path)).name)


def _forked(worker: Worker, key: str, killed: set[str]) -> str:
    """One worker's life; the site where it was killed, or "" if it came to its end."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            _worker(worker, key, killed, os.fdopen(write, "w"))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        site = told.read().strip()
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ended != (-signal.SIGKILL if site else 0):
        raise SystemExit(f"a worker ended with {ended} at {site or 'its end'}")
    return site


def _serve(name: str) -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever workers print
    django.setup()
    folder = Path(os.environ["KILLED_FOLDER"])
    settings.AUDIT_ANCHORS = Path(os.environ["KILLED_ANCHORS"])
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.filebased.EmailBackend",
                                    "OPTIONS": {"file_path": str(folder / "mails")}}}  # fmt: skip
    connections.settings["default"]["OPTIONS"]["pool"] = False  # of a worker that lives for a moment
    reverse("home")  # loads the pages, which takes longer than most of what is killed
    module, attribute = name.split(":")
    worker, killed = getattr(import_module(module), attribute), set[str]()
    gc.freeze()  # what is loaded stays, and is shared by all workers
    for line in sys.stdin:
        here: list[str] = []
        while site := _forked(worker, line.strip(), killed):
            killed.add(site)
            here.append(site)
            if len(here) > MOST_WORKERS:
                raise SystemExit(f"more than {MOST_WORKERS} sites, the last at {site}")
        print(json.dumps(here), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
