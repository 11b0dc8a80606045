"""Freeze the outcome of a request: what was asked, by whom, under which policy, on which evidence, who voted and why.

Called inside the transaction of the last vote, or of the sending where it is left to who asks; the effect of an
approval happens here or not at all.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from approvals.models import Decision, Request, Review, Vote
from approvals.sealing import hash_of, storable
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
    outcome = "approved" if is_approved else "refused"
    frozen = storable(_record(request, outcome, at))
    decision = Decision.objects.create(
        request=request,
        outcome=outcome,
        record=frozen,
        hash=hash_of(frozen),
        decided_at=at,
        valid_until=at + dt.timedelta(days=validity) if validity and is_approved else None,
        is_demonstration=request.is_demonstration,
    )
    record(
        transition.audit,
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        decision=str(decision.pk),
        hash=decision.hash,
    )
    last = Vote.objects.filter(review__request=request).order_by("at").last()
    if is_approved:
        supersede_earlier(request, by=by, at=at)
        kind_of(request.subject_kind).on_approved(request, decision, by)
    if last is not None:
        title = f"{transition.to.label}: {request.title}"
        tell([request.requester], request, kind="decision", title=title, body=last.comment)
    return decision


def _record(request: Request, outcome: str, at: dt.datetime) -> dict[str, Any]:
    policy, kind = request.policy, kind_of(request.subject_kind)
    reviews = list(request.reviews.select_related("board", "request__tenant").prefetch_related("votes__voter"))
    return {
        "form": "atrium decision 1",
        "outcome": outcome,
        "decided_at": at.isoformat(),
        "request": {
            "id": str(request.pk),
            "number": request.number,
            "subject_kind": request.subject_kind,
            "subject_key": request.subject_key,
            "title": request.title,
            "reason": request.reason,
            "facts": request.facts,
            "tenant": request.tenant.slug if request.tenant else "",
            "environment": request.environment.path if request.environment else "",
            "requester": _person(request.requester),
            "submitted_at": (request.sent_at or request.created_at).isoformat(),
            "round": request.round,
        },
        "policy": {
            "slug": policy.slug,
            "subject_kind": policy.subject_kind,
            "environment_kind": policy.environment_kind,
            "when": policy.when,
            "priority": policy.priority,
            "because": request.because,
            "version": policy.version,
            "sentence": policy.sentence,
            "stages": policy.stages,
            "validity_days": policy.validity_days,
        }
        if policy
        else None,
        "decided_under": request.decided_under,
        "evidence": [fact.frozen() for fact in kind.evidence(request)],
        "reviews": [_review(review) for review in reviews if review.round == request.round],
        "earlier_rounds": [
            {
                "round": earlier.round,
                "title": earlier.title,
                "reason": earlier.reason,
                "facts": earlier.facts,
                "sent_back_at": earlier.sent_back_at.isoformat(),
                "reviews": [_review(review) for review in reviews if review.round == earlier.round],
            }
            for earlier in request.revisions.all()
        ],
    }


def _review(review: Review) -> dict[str, Any]:
    return {
        "position": review.position,
        "board": review.board.slug if review.board else "",
        "board_name": review.decider,
        "quorum": review.quorum,
        "outcome": review.outcome,
        "votes": [
            {
                "voter": _person(vote.voter),
                "verdict": vote.verdict,
                "comment": vote.comment,
                "at": vote.at.isoformat(),
            }
            for vote in review.votes.all()
        ],
    }


def _person(user: User) -> dict[str, str]:
    return {"id": str(user.pk), "username": user.username, "name": str(user)}
