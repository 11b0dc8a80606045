"""Import the catalog because somebody asked or a package is new: queued, run by a worker, watched and cancelled."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.record import SYSTEM, Actor, record
from catalog.importing.run import SOURCES, STEPS, Cancelled, import_catalog
from catalog.models import ImportRun

State = ImportRun.State
OPEN = (State.QUEUED, State.RUNNING)
_ONE_AT_A_TIME = 0x43_41_54_4A  # two who ask at once are led to one run


@transaction.atomic
def start(*, by: Any) -> ImportRun:
    """The run that is under way, else a new one that a worker takes when this transaction has committed.

    One that no worker has taken yet is sent again, in case the queue was away; running it twice does no harm.
    """
    from catalog.tasks import import_catalog as task  # tasks need this module

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
    wanted = ImportRun.objects.select_for_update().filter(state__in=OPEN).first()
    if wanted is None:
        label = by.label if isinstance(by, Actor) else str(by)
        wanted = ImportRun.objects.create(state=State.QUEUED, asked_by=label[:200])
        record("catalog.import_asked", by=by, subject=wanted)
    if wanted.state == State.QUEUED:
        key = wanted.pk
        transaction.on_commit(lambda: task.delay(key), robust=True)
    return wanted


def start_if_new() -> ImportRun | None:
    """Start a run when what is installed is not what the last import read; None where it is."""
    last = ImportRun.objects.filter(state=State.SUCCEEDED).first()
    return start(by=SYSTEM) if last is None or last.sources != SOURCES else None


@transaction.atomic
def cancel(*, run: ImportRun, by: Any) -> None:
    """Stop a run that is not over; the worker notices at its next step and leaves everything as it was."""
    ended = ImportRun.objects.filter(pk=run.pk, state__in=OPEN)
    if ended.update(state=State.CANCELLED, finished_at=timezone.now()):
        record("catalog.import_cancelled", by=by, subject=run)


def run(key: int) -> ImportRun | None:
    """Do the work of a queued run, or take it up again from the start after a worker died. None when there is nothing
    to do: it was cancelled or is over. A failure is noted and raised."""
    mine = ImportRun.objects.filter(pk=key)
    if not mine.filter(state__in=OPEN).update(state=State.RUNNING, step=STEPS[0], steps_done=0):
        return None
    asked = mine.get()
    by = SYSTEM if asked.asked_by == SYSTEM.label else Actor(asked.asked_by, kind="user")

    def tell(step: int) -> None:
        if not _note(key, step):
            raise Cancelled

    try:
        return import_catalog(by=by, run=asked, on_step=tell)
    except Cancelled:
        return mine.get()
    except Exception as error:
        with transaction.atomic():
            words = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]
            if mine.filter(state__in=OPEN).update(state=State.FAILED, error=words, finished_at=timezone.now()):
                record("catalog.import_failed", by=by, subject=asked, error=words)
        raise


def _note(key: int, step: int) -> bool:
    """Write how far the run is, where others can see it at once; False when somebody cancelled it.

    The import is one transaction, so this goes through a second connection.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE catalog_importrun SET step = %s, steps_done = %s WHERE id = %s AND state = 'running'",
                [STEPS[step], step, key],
            )
            return bool(cursor.rowcount)
    finally:
        other.close()
