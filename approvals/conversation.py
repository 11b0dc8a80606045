"""The conversation of a request, in the order in which it was said: the reason, comments, votes, the outcome."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from approvals.models import Request
from audit.models import Entry
from tenants.models import User


@dataclass(frozen=True)
class Said:
    """`kind` is `asked`, `comment` or `vote`; `verdict`, `board` and `round` belong to a vote."""

    kind: str
    who: User
    at: dt.datetime
    text: str
    verdict: str = ""
    board: str = ""
    round: int = 0


def conversation(request: Request) -> list[Said]:
    """Everything said; the request's reviews and votes are prefetched."""
    said = [Said("comment", comment.author, comment.at, comment.text) for comment in request.comments.all()]
    for review in request.reviews.all():
        for vote in review.votes.all():
            said.append(Said("vote", vote.voter, vote.at, vote.comment, vote.verdict, review.decider, review.round))
    asked = Said("asked", request.requester, request.sent_at or request.created_at, request.reason)
    return [asked, *sorted(said, key=lambda one: one.at)]


def history(request: Request) -> list[Entry]:
    """What the audit says of the request, oldest first."""
    return list(Entry.objects.filter(subject_kind="request", subject_id=str(request.pk)).order_by("at"))
