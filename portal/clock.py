"""Beat's clock: which jobs the rooms want sent, and when.

A room says so in its `schedule.py`: `EVERY_S`, every how many seconds by a task's name, and `AT_START`, the tasks that
must not wait for their first turn after a start. Those files import nothing: beat sends names and runs nothing, so it
reads them and the settings, and is a third of the size of a process that knows the rooms.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from celery import Celery
from celery.signals import beat_init
from django.conf import settings
from django.utils.log import configure_logging

from portal.supervisor.installation import PROJECT
from portal.supervisor.parts import announce

TURNS_KEPT = 4  # what no worker took for so many turns is dropped: the next one does the same


def schedule() -> dict[str, dict[str, Any]]:
    """What beat sends, by the name of the task."""
    return {
        task: {"task": task, "schedule": float(every_s), "options": {"expires": TURNS_KEPT * every_s}}
        for module in _schedules()
        for task, every_s in getattr(module, "EVERY_S", {}).items()
    }


def at_start() -> list[str]:
    """The tasks that beat sends once when it begins."""
    return [task for module in _schedules() for task in getattr(module, "AT_START", ())]


def run(level: str) -> None:
    """Be beat, until told to stop."""
    app = Celery("atrium", fixups=[])  # without Django's: it would load every room
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.beat_schedule = schedule()
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)

    @beat_init.connect
    def begins(**_: Any) -> None:
        announce(
            settings.DATA_FOLDER, "beat"
        )  # first: a queue that is away for a moment must not look like a beat that never began
        for task in at_start():
            app.send_task(task)

    app.Beat(loglevel=level, schedule=str(settings.DATA_FOLDER / "beat-schedule"), quiet=True).run()


def _schedules() -> Iterator[ModuleType]:
    for name in settings.INSTALLED_APPS:
        if (PROJECT / name / "schedule.py").is_file():
            yield import_module(f"{name}.schedule")
