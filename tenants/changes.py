"""Tell every process that something it may hold in memory has changed: noted in a table, and notified on commit.

A note names the row, so that a reader reads that one again; the notification only says that it is time to look. One
that got lost is made good by the next look at the notes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, models
from django.db.models.functions import Cast, Now
from django.utils import timezone

CHANNEL = "atrium_changes"
KEPT_FOR = dt.timedelta(hours=2)  # who did not look for so long reads everything anew


class ChangeNote(models.Model):
    """That a row of `kind` changed, with its key (empty: any of them), in which transaction."""

    shared_because = "names rows by their keys alone, for processes that hold them in memory"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    row_key = models.CharField(max_length=64, blank=True)
    transaction = models.BigIntegerField(
        db_default=Cast(Cast(models.Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField()),
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["transaction"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_key or 'any'}"


def announce(what: str, *rows: Any) -> None:
    """Note that rows of kind `what` changed, those with these keys (none: any of them), and notify who listens when
    the transaction commits.

    Kinds: `key` (API keys), `holder` (people and service accounts, for what they hold), `grant` (environments, for
    their grants), `tenant` (tenants, for everything in them), `limit` (places of limits and budgets), `retention`
    (tenants, for what is kept of their calls), `route`, `price`, `provider`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH noted AS (INSERT INTO tenants_changenote (kind, row_key) SELECT %s, unnest(%s::text[]) RETURNING id)"
            " SELECT pg_notify(%s, %s) FROM (SELECT count(*) FROM noted) counted",
            [what, [str(row) for row in rows] or [""], CHANNEL, what],
        )


def forget_old() -> int:
    """Drop notes that every reader has read long ago; how many."""
    return ChangeNote.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()[0]
