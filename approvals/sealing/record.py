"""What a decision keeps: what was asked, by whom, under which policy, on which evidence, who voted and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

from approvals.models import Request
from approvals.subjects import kind_of
from tenants.models import User


def record_of(request: Request, outcome: str, at: dt.datetime) -> dict[str, Any]:
    """The record of `request` as it is now, closed by `outcome` at `at`."""
    policy, kind = request.policy, kind_of(request.subject_kind)
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
            "submitted_at": request.created_at.isoformat(),
        },
        "policy": {
            "subject_kind": policy.subject_kind,
            "environment_kind": policy.environment_kind,
            "version": policy.version,
            "sentence": policy.sentence,
            "stages": policy.stages,
            "validity_days": policy.validity_days,
        }
        if policy
        else None,
        "decided_under": request.decided_under,
        "evidence": [fact.frozen() for fact in kind.evidence(request)],
        "reviews": [
            {
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
            for review in request.reviews.select_related("board", "request__tenant").prefetch_related("votes__voter")
        ],
    }


def _person(user: User) -> dict[str, str]:
    return {"id": str(user.pk), "username": user.username, "name": str(user)}
