"""Verify every decision because somebody asked, or because a day is over: run by a worker, shown to auditors."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from approvals.sealing.tables import DecisionVerification
from approvals.sealing.verifying import verify_all
from audit.record import SYSTEM, Actor, record
from refusals.errors import Forbidden

log = structlog.get_logger(__name__)
State = DecisionVerification.State
SEES_ALL = "approvals.view_request"


def require_auditor(user: Any) -> None:
    """Raise `Forbidden` for who does not see every request: findings name them."""
    if not user.has_perm(SEES_ALL):
        raise Forbidden(
            "Verifying every decision needs the right to see every request. Auditors and the platform team hold it.",
            permission=SEES_ALL,
        )


@transaction.atomic
def start(*, by: Any) -> DecisionVerification:
    """The run that waits for a worker, else a new one. One that waits is sent again, in case the queue was away."""
    from approvals.tasks import verify_decisions  # tasks need this module

    wanted = DecisionVerification.objects.select_for_update().filter(state=State.QUEUED).first()
    if wanted is None:
        wanted = DecisionVerification.objects.create(asked_by=str(by)[:200])
        record("decisions.verification_started", by=by, subject=wanted, subject_label="the chain of seals")
    key = str(wanted.pk)
    transaction.on_commit(lambda: verify_decisions.delay(key), robust=True)
    return wanted


def run(key: UUID | str) -> DecisionVerification | None:
    """Do the work of a queued run. None when it was done. What stops it is shown on its page and raised."""
    mine = DecisionVerification.objects.filter(pk=key)
    if not mine.filter(state=State.QUEUED).update(state=State.RUNNING):
        return None
    try:
        report = verify_all(on_progress=lambda count: _tell(key, count))
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]
        mine.update(state=State.FAILED, error=said, finished_at=timezone.now())
        raise
    if not report.is_intact:
        log.error("decisions_broken", findings=report.lines()[:20])
    with transaction.atomic():
        mine.update(
            state=State.INTACT if report.is_intact else State.BROKEN,
            decisions=report.decisions,
            seals=report.seals,
            findings=[asdict(each) for each in report.findings],
            finished_at=timezone.now(),
        )
        done = mine.get()
        record(
            "decisions.verified", by=Actor(done.asked_by, kind="user"), subject=done,
            subject_label="the chain of seals", intact=report.is_intact, decisions=report.decisions,
            findings=len(report.findings),
        )  # fmt: skip
    return done


def _tell(key: UUID | str, count: int) -> None:
    DecisionVerification.objects.filter(pk=key).update(decisions=count)


def run_daily() -> DecisionVerification | None:
    """A run that nobody asked for."""
    made = DecisionVerification.objects.create(asked_by=SYSTEM.label)
    return run(made.pk)
