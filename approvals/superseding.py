"""A newer approval of the same subject takes the place of the earlier one, in the transaction of its decision."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from approvals.models import Request
from approvals.states import LIVING_STATES, Verb
from approvals.subjects import kind_of
from approvals.transitions import move
from audit.record import record


def lock_what_follows(request: Request) -> None:
    """Take the rows that a decision on `request` writes to, before anything is written to the audit."""
    list(_earlier(request).select_for_update(no_key=True).order_by("number"))
    kind_of(request.subject_kind).lock(request)


def supersede_earlier(request: Request, *, by: Any, at: dt.datetime) -> None:
    """Let the approval of `request` stand in the place of those before it; what they gave is the new effect's to
    replace."""
    for earlier in _earlier(request).select_related("tenant").order_by("number"):
        transition = move(earlier, Verb.SUPERSEDE, at=at)
        tenant = earlier.tenant.slug if earlier.tenant else ""
        record(transition.audit, by=by, subject=earlier, tenant=tenant, superseded_by=request.number)


def _earlier(request: Request) -> QuerySet[Request]:
    rows = Request.objects.filter(
        subject_kind=request.subject_kind, subject_key=request.subject_key, state__in=LIVING_STATES
    ).exclude(pk=request.pk)
    return rows if kind_of(request.subject_kind).is_replaced else rows.none()
