"""The background jobs: Celery over the queue in Postgres (or the broker in `CELERY_BROKER_URL`), and beat's schedule.

A room that has something to do at certain times says so beside the task, in a `SCHEDULE` in its `tasks.py`:
`{"audit.seal_past_days": 3600}` (a task's name and every how many seconds, or a `crontab`). What must not wait for its
first turn after a start stands in `AT_START` beside it (names of tasks). Here they are gathered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("atrium")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.worker_enable_remote_control = False  # nobody steers workers by messages; it would cost a queue a process
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = True
app.autodiscover_tasks()


@app.on_after_finalize.connect
def _gather_schedule(sender: Celery, **_: Any) -> None:
    sender.conf.beat_schedule = schedule()


def schedule() -> dict[str, dict[str, Any]]:
    """What beat sends, by the name of the task."""
    found: dict[str, dict[str, Any]] = {}
    for module in _task_modules():
        wanted: dict[str, float | crontab] = getattr(module, "SCHEDULE", {})
        for task, when in wanted.items():
            found[task] = {"task": task, "schedule": when}
    return found


def at_start() -> list[str]:
    """The tasks that beat sends once when it begins."""
    return [task for module in _task_modules() for task in getattr(module, "AT_START", ())]


def _task_modules() -> Iterator[ModuleType]:
    from django.apps import apps

    for config in apps.get_app_configs():
        if find_spec(f"{config.name}.tasks"):
            yield import_module(f"{config.name}.tasks")


@worker_ready.connect
def _worker_begins(**_: Any) -> None:
    _announce("worker")


@beat_init.connect
def _beat_begins(**_: Any) -> None:
    _announce("beat")  # first: a queue that is away for a moment must not look like a beat that never began
    for task in at_start():
        app.send_task(task)


def _announce(name: str) -> None:
    from django.conf import settings

    from portal.supervisor.parts import announce

    if settings.DATA_FOLDER.is_dir():
        announce(settings.DATA_FOLDER, name)
