"""Seal the days that are over: from then on a day takes no entry and its head never changes."""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import connection, transaction
from django.utils import timezone

from audit import anchors
from audit.hashing import head_code
from audit.models import DayHead
from audit.record import AUDIT_LOCK
from audit.verify import verify

log = structlog.get_logger(__name__)


def seal_past_days(today: dt.date | None = None) -> list[dt.date]:
    """Seal every open day before `today` (UTC) whose entries are as they were written; returns the days.

    A day that does not verify stays open and is logged as an error, day after day, until somebody looks. The log line
    of a sealed day is its receipt outside the database.
    """
    today = today or timezone.now().date()
    return [day for day in _open_days_before(today) if _seal(day)]


def _open_days_before(today: dt.date) -> list[dt.date]:
    return list(DayHead.objects.filter(day__lt=today, sealed_at=None).order_by("day").values_list("day", flat=True))


@transaction.atomic
def _seal(day: dt.date) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AUDIT_LOCK])
    report = verify(since=day, until=day)
    if not report.is_intact:
        log.error(
            "audit_day_broken",
            day=day.isoformat(),
            findings=[finding.sentence for finding in report.findings[:20]],
        )
        return False
    head = DayHead.objects.get(day=day)
    if head.sealed_at is None:
        head.sealed_at = timezone.now()
        head.mac = head_code(head)
        head.save(update_fields=["sealed_at", "mac"])
        transaction.on_commit(lambda: anchors.note_receipt(report.receipt), robust=True)
        log.warning("audit_day_sealed", day=day.isoformat(), receipt=report.receipt)
    return True
