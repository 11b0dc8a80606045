"""Verify the audit because somebody asked on a page: queued, run by a worker, watched and cancelled."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from audit import anchors
from audit.models import Entry, Verification
from audit.record import Actor, record
from audit.verify import Report, verify

State = Verification.State
SILENCE = "The worker that ran it was not heard of any more."


class Cancelled(Exception):
    """Somebody cancelled the run."""


@transaction.atomic
def start(*, by: Any) -> Verification:
    """The run that is under way, else a new one that a worker takes when this transaction has committed.

    One that no worker has taken yet is sent again, in case the queue was away; running it twice does no harm. One whose
    worker fell silent counts as failed.
    """
    from audit.tasks import verify_all  # tasks need this module

    wanted = Verification.objects.select_for_update().filter(state__in=[State.QUEUED, State.RUNNING]).first()
    if wanted is not None and wanted.is_silent:
        wanted.state, wanted.error, wanted.finished_at = State.FAILED, SILENCE, timezone.now()
        wanted.save(update_fields=["state", "error", "finished_at"])
        wanted = None
    if wanted is None:
        wanted = Verification.objects.create(asked_by=str(by)[:200])
        record("audit.verification_started", by=by, subject=wanted)
    if wanted.state == State.QUEUED:
        key = str(wanted.pk)
        transaction.on_commit(lambda: verify_all.delay(key), robust=True)
    return wanted


@transaction.atomic
def cancel(*, verification: Verification, by: Any) -> None:
    """Stop a run that is not over; the worker notices within some thousand entries."""
    ended = Verification.objects.filter(pk=verification.pk, state__in=[State.QUEUED, State.RUNNING])
    if ended.update(state=State.CANCELLED, finished_at=timezone.now()):
        record("audit.verification_cancelled", by=by, subject=verification)


def run(key: UUID | str) -> Verification | None:
    """Do the work of a queued run, or take it up again from the start after a worker died. None when there is nothing
    to do: it was cancelled or is over. Whatever stops it is shown on its page and raised."""
    mine = Verification.objects.filter(pk=key)
    if not mine.filter(state__in=[State.QUEUED, State.RUNNING]).update(
        state=State.RUNNING, total=Entry.objects.count(), checked=0, heard_at=timezone.now()
    ):
        return None

    try:
        return _ended(key, verify(on_progress=lambda checked: _tell(key, checked)))
    except Cancelled:
        return mine.get()
    except Exception as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        mine.filter(state=State.RUNNING).update(
            state=State.FAILED, error=f"{type(error).__name__}: {said}."[:300], finished_at=timezone.now()
        )
        raise


def _ended(key: UUID | str, report: Report) -> Verification:
    """Keep what was found, unless the run was cancelled at the last moment."""
    mine = Verification.objects.filter(pk=key)
    with transaction.atomic():
        changed = mine.filter(state=State.RUNNING).update(
            state=State.INTACT if report.is_intact else State.BROKEN,
            checked=report.entries,
            days=report.days,
            receipt=report.receipt,
            notes=report.notes,
            findings=[asdict(finding) | {"day": finding.day.isoformat()} for finding in report.findings],
            finished_at=timezone.now(),
        )
        done = mine.get()
        if changed:
            record(
                "audit.verified",
                by=Actor(done.asked_by, kind="user"),
                subject=done,
                intact=report.is_intact,
                entries=report.entries,
                findings=len(report.findings),
                receipt=report.receipt,
            )
        if report.is_intact:
            transaction.on_commit(lambda: anchors.note_receipt(report.receipt), robust=True)
    return done


def _tell(key: UUID | str, checked: int) -> None:
    if not _note(key, checked):
        raise Cancelled


def _note(key: UUID | str, checked: int) -> bool:
    """Write how far the run is, where others can see it at once; False when somebody cancelled it.

    The run reads inside a transaction of its own, so this goes through a second connection.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE audit_verification SET checked = %s, heard_at = now() WHERE id = %s AND state = 'running'",
                [checked, key],
            )
            return bool(cursor.rowcount)
    finally:
        other.close()
