"""Freeze a decision: its record with everything that was seen, and its seal, in the transaction that made it."""

from __future__ import annotations

import datetime as dt

from approvals.models import Decision, Request
from approvals.sealing.canonical import hash_of, sealable
from approvals.sealing.chain import seal
from approvals.sealing.record import record_of


def freeze(*, request: Request, outcome: str, at: dt.datetime, valid_until: dt.datetime | None) -> Decision:
    """The decision on `request`, closed by `outcome` at `at`, sealed. Takes the lock of the audit's end."""
    frozen = sealable(record_of(request, outcome, at, valid_until))
    decision = Decision.objects.create(
        request=request,
        outcome=outcome,
        record=frozen,
        hash=hash_of(frozen),
        decided_at=at,
        valid_until=valid_until,
        is_demonstration=request.is_demonstration,
    )
    seal(decision)
    return decision
