"""What became of the background jobs: when each last ran, how long it took, and what went wrong.

Workers note it in the cache when a job ends (Celery's signals); the platform's page, the API and `atrium doctor` read
it. What is kept is a note, not a record: the audit tells what a job changed, the worker's log tells the whole failure.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

from celery import Task
from celery.signals import task_postrun, task_prerun
from django.core.cache import cache
from django.utils import timezone

from portal.celery import app
from portal.clock import schedule

KEPT_S = 30 * 24 * 3600
_KEY = "portal:job:"
_began: dict[str, float] = {}


@dataclass(frozen=True)
class Run:
    """One end of a job: when, after how many seconds, and why it failed ("" where it did not)."""

    at: dt.datetime
    took_s: float
    error: str = ""


@dataclass(frozen=True)
class Job:
    """A kind of job. `every` says when it is sent; `last` is None until it has run once."""

    name: str
    sentence: str
    every: str
    last: Run | None

    @property
    def failed(self) -> bool:
        return self.last is not None and bool(self.last.error)


def jobs() -> list[Job]:
    """Every job of the rooms by name, with its last run. One question to the cache."""
    app.loader.import_default_modules()
    planned = schedule()
    names = sorted(name for name in app.tasks if not name.startswith("celery."))
    runs: dict[str, Run] = cache.get_many([_KEY + name for name in names])
    return [Job(name, _sentence(app.tasks[name]), _every(planned.get(name)), runs.get(_KEY + name)) for name in names]


def connect() -> None:
    """Let this process note the jobs that it runs."""
    task_prerun.connect(_begins, weak=False)
    task_postrun.connect(_ends, weak=False)


def _begins(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


def _ends(task_id: str, task: Task, state: str, retval: Any, **_: Any) -> None:
    took_s = time.monotonic() - _began.pop(task_id, time.monotonic())
    error = ""
    if state == "FAILURE":
        first = str(retval).strip().partition("\n")[0]
        error = f"{type(retval).__name__}: {first}"[:300]
    cache.set(_KEY + task.name, Run(timezone.now(), took_s, error), KEPT_S)


def _sentence(task: Task) -> str:
    return (task.run.__doc__ or "").strip().partition("\n")[0]


def _every(planned: dict[str, Any] | None) -> str:
    """When beat sends it, in words."""
    if planned is None:
        return "when asked"
    when = planned["schedule"]
    for unit, length in (("hour", 3600), ("minute", 60)):
        if when >= length and when % length == 0:
            return f"every {unit}" if when == length else f"every {when / length:.0f} {unit}s"
    return f"every {when:.0f} s"
