"""A newer approval of the same subject takes the place of the earlier one, in the transaction of its decision."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from approvals.models import Request
from approvals.states import LIVING_STATES, State, Verb
from approvals.subjects import kind_of
from approvals.transitions import move
from audit.record import record
from refusals.errors import Conflict


class SuspendedMeanwhile(Conflict):
    code = "suspended_meanwhile"
    title = "The approval before it is suspended"


def follows_suspended(request: Request) -> bool:
    """Whether an approval that `request` would replace is suspended: who suspends it lifts that, whoever may ask."""
    return _earlier(request).filter(state=State.SUSPENDED).exists()


def lock_what_follows(request: Request) -> None:
    """Take the rows that a decision on `request` writes to, before anything is written to the audit."""
    list(_earlier(request).select_for_update(no_key=True).order_by("number"))
    kind_of(request.subject_kind).lock(request)


def supersede_earlier(request: Request, *, by: Any, at: dt.datetime) -> None:
    """Let the approval of `request` stand in the place of those before it; what they gave is the new effect's to
    replace. Raises `SuspendedMeanwhile` where the tenant decided by itself and one of those was suspended."""
    if request.policy_id is None and "capability" in request.decided_under and follows_suspended(request):
        raise SuspendedMeanwhile(
            "The approval that this would replace was suspended meanwhile. Refuse or withdraw this request; the"
            " platform decides on it when it is asked for anew."
        )
    for earlier in _earlier(request).select_related("tenant").order_by("number"):
        transition = move(earlier, Verb.SUPERSEDE, at=at)
        tenant = earlier.tenant.slug if earlier.tenant else ""
        record(transition.audit, by=by, subject=earlier, tenant=tenant, superseded_by=request.number)


def _earlier(request: Request) -> QuerySet[Request]:
    rows = Request.objects.filter(
        subject_kind=request.subject_kind, subject_key=request.subject_key, state__in=LIVING_STATES
    ).exclude(pk=request.pk)
    return rows if kind_of(request.subject_kind).is_replaced else rows.none()
