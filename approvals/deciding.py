"""Close a request by its outcome, and freeze that with what was seen (`approvals.sealing`).

Called inside the transaction of the last vote, or of the sending where it is left to who asks; the effect of an
approval happens here or not at all.
"""

from __future__ import annotations

import datetime as dt

from approvals.models import Decision, Request, Vote
from approvals.sealing.freezing import freeze
from approvals.states import APPROVED_STATES, Verb
from approvals.subjects import kind_of
from approvals.superseding import supersede_earlier
from approvals.telling import tell
from approvals.transitions import close_reviews, move
from audit.record import record
from tenants.models import User


def decide(*, request: Request, verb: Verb, by: User, at: dt.datetime) -> Decision:
    """Close `request` by `verb` (approve, with conditions or without, or refuse), freeze the decision and bring about
    its effect."""
    transition = move(request, verb, at=at)
    close_reviews(request, at=at)
    validity = request.policy.validity_days if request.policy else None
    is_approved = transition.to in APPROVED_STATES
    valid_until = at + dt.timedelta(days=validity) if validity and is_approved else None
    outcome = "approved" if is_approved else "refused"
    decision = freeze(request=request, outcome=outcome, at=at, valid_until=valid_until)
    record(
        transition.audit,
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        decision=str(decision.pk),
        hash=decision.hash,
    )
    last = Vote.objects.filter(review__request=request, review__round=request.round).order_by("at").last()
    if is_approved:
        supersede_earlier(request, by=by, at=at)
        kind_of(request.subject_kind).on_approved(request, decision, by)
    if last is not None:
        title = f"{transition.to.label}: {request.title}"
        tell([request.requester], request, kind="decision", title=title, body=last.comment)
    return decision
