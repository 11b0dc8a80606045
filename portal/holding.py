"""While a worker has a job, the queue in Postgres gives it to nobody else, however long it takes.

A message that was read comes back by itself once its visibility timeout is over, which is how the job of a killed
worker is done all the same. The transport never lengthens that time, so a job of several minutes would be begun again
beside itself. A thread of the worker lengthens it for whatever the worker has, received or begun, until it is done.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import task_postrun, task_received, task_revoked, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, connection

log = logging.getLogger(__name__)

_LENGTHEN = """
SELECT pgmq.set_vt(held.queue, held.message, %s) FROM unnest(%s::text[], %s::bigint[]) AS held(queue, message)
"""

_held: dict[str, tuple[str, int]] = {}
_lock = threading.Lock()
_over = threading.Event()


def connect() -> None:
    """Let this worker hold what it has; nothing to do for a broker that looks after that itself."""
    if not settings.CELERY_BROKER_URL.startswith("pgmq"):
        return
    task_received.connect(_received, weak=False)
    task_postrun.connect(_done, weak=False)
    task_revoked.connect(_revoked, weak=False)
    worker_ready.connect(_begin, weak=False)
    worker_shutting_down.connect(lambda **_: _over.set(), weak=False)


def hold() -> None:
    """Lengthen once what is held."""
    with _lock:
        held = list(_held.values())
    if not held:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LENGTHEN, [_timeout_s(), [queue for queue, _ in held], [message for _, message in held]])


def _begin(**_: Any) -> None:
    threading.Thread(target=_go_on, name="holding", daemon=True).start()


def _go_on() -> None:
    while not _over.wait(_timeout_s() / 3):
        try:
            hold()
        except DatabaseError as error:  # away for a moment: the next turn comes before the time is over
            log.warning("What this worker has could not be held: %s", error)
        finally:
            connection.close()


def _timeout_s() -> int:
    """How long a message stays hidden after it was read or held."""
    options: dict[str, Any] = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    return int(options["visibility_timeout"])


def _received(request: Any, **_: Any) -> None:
    told = request.message.delivery_info
    if "pgmq_msg_id" in told:
        with _lock:
            _held[request.id] = (told["pgmq_queue"], told["pgmq_msg_id"])


def _done(task_id: str, **_: Any) -> None:
    with _lock:
        _held.pop(task_id, None)


def _revoked(request: Any, **_: Any) -> None:
    _done(request.id)
