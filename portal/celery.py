"""The background jobs: Celery over the queue in Postgres (or the broker in `CELERY_BROKER_URL`).

The jobs stand in each room's `tasks.py`; when beat sends them says the room's `schedule.py` (`portal.clock`).
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("atrium")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _worker_begins(**_: Any) -> None:
    from django.conf import settings

    from portal.supervisor.parts import announce

    announce(settings.DATA_FOLDER, "worker")
