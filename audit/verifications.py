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
from audit.verify import verify

State = Verification.State


class Cancelled(Exception):
    """Somebody cancelled the run."""


@transaction.atomic
def start(*, by: Any) -> Verification:
    """The run that is under way, else a new one that a worker takes when this transaction has committed.

    One that no worker has taken yet is sent again, in case the queue was away; running it twice does no harm.
    """
    from audit.tasks import verify_all  # tasks need this module

    wanted = Verification.objects.select_for_update().filter(state__in=[State.QUEUED, State.RUNNING]).first()
    if wanted is None:
        wanted = Verification.objects.create(asked_by=str(by)[:200])
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
    to do: it was cancelled or is over."""
    mine = Verification.objects.filter(pk=key)
    if not mine.filter(state__in=[State.QUEUED, State.RUNNING]).update(
        state=State.RUNNING, total=Entry.objects.count(), checked=0
    ):
        return None

    def tell(checked: int) -> None:
        if not _note(key, checked):
            raise Cancelled

    try:
        report = verify(on_progress=tell)
    except Cancelled:
        return mine.get()
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


def _note(key: UUID | str, checked: int) -> bool:
    """Write how far the run is, where others can see it at once; False when somebody cancelled it.

    The run reads inside a transaction of its own, so this goes through a second connection.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE audit_verification SET checked = %s WHERE id = %s AND state = 'running'", [checked, key]
            )
            return bool(cursor.rowcount)
    finally:
        other.close()
