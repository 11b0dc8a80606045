"""What a decision keeps: what was asked, by whom, under which policy, on which evidence and documents, what was said,
who voted and why, and the fingerprint of what was approved."""

from __future__ import annotations

import datetime as dt
from typing import Any

from approvals.evidence.collecting import complete
from approvals.models import Request, Review
from approvals.sealing.canonical import hash_of, sealable
from approvals.subjects import kind_of
from tenants.models import User


def record_of(request: Request, outcome: str, at: dt.datetime, valid_until: dt.datetime | None) -> dict[str, Any]:
    """The record of `request` closed by `outcome` at `at`. Evidence that was not collected yet is collected for it."""
    policy, items = request.policy, complete(request, at)
    fingerprint = fingerprint_of(request)
    reviews = list(request.reviews.select_related("board", "request__tenant").prefetch_related("votes__voter"))
    return {
        "form": "atrium decision 2",
        "outcome": outcome,
        "decided_at": at.isoformat(),
        "valid_until": valid_until.isoformat() if valid_until else "",
        "is_demonstration": request.is_demonstration,
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
            "created_at": request.created_at.isoformat(),
            "submitted_at": (request.sent_at or request.created_at).isoformat(),
            "round": request.round,
            "state": request.state,
        },
        "policy": {
            "slug": policy.slug,
            "subject_kind": policy.subject_kind,
            "environment_kind": policy.environment_kind,
            "when": policy.when,
            "priority": policy.priority,
            "version": policy.version,
            "sentence": policy.sentence,
            "stages": policy.stages,
            "validity_days": policy.validity_days,
        }
        if policy
        else None,
        "because": request.because,
        "decided_under": request.decided_under,
        "fingerprint": {"fields": fingerprint, "sha256": hash_of(fingerprint)},
        # Every fact once, with the piece that it belongs to; a piece's hash is over what it says and its facts.
        "evidence": [{**fact, "item": str(item.pk)} for item in items for fact in item.facts],
        "evidence_items": [{**item.content(), "sha256": item.sha256} for item in items],
        "attachments": [
            {
                "id": str(file.pk),
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "uploaded_at": file.uploaded_at.isoformat(),
                "uploaded_by": _person(file.uploaded_by),
            }
            for file in request.attachments.select_related("uploaded_by")
        ],
        "conversation": [
            {"author": _person(said.author), "text": said.text, "at": said.at.isoformat()}
            for said in request.comments.select_related("author")
        ],
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
        "group": review.group,
        "board": review.board.slug if review.board else "",
        "board_name": review.decider,
        "quorum": review.quorum,
        "veto": review.veto,
        "checklist": review.checklist,
        "outcome": review.outcome,
        "opened_at": review.opened_at.isoformat() if review.opened_at else "",
        "closed_at": review.closed_at.isoformat() if review.closed_at else "",
        "votes": [
            {
                "voter": _person(vote.voter),
                "verdict": vote.verdict,
                "checked": vote.checked,
                "is_conditional": vote.is_conditional,
                "comment": vote.comment,
                "at": vote.at.isoformat(),
            }
            for vote in review.votes.all()
        ],
    }


def fingerprint_of(request: Request) -> dict[str, Any]:
    """What exactly is asked for, as it is now, by name (`SubjectKind.fingerprint`)."""
    fields: dict[str, Any] = sealable(dict(kind_of(request.subject_kind).fingerprint(request)))
    return fields


def _person(user: User) -> dict[str, str]:
    return {"id": str(user.pk), "username": user.username, "name": str(user)}
