"""Which reviews under way can no longer reach their quorum when somebody leaves, because too few are left to vote."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from approvals.deciders import people_of
from approvals.models import Board, Request, Review, Vote
from approvals.separation import askers
from approvals.states import OPEN_STATES
from audit.record import record
from tenants.models import User
from tenants.notifications import notify
from tenants.scoping import people_above_who_may

UNDER_WAY = (Review.Outcome.OPEN, Review.Outcome.WAITING)


def undecidable_without(user: User, board: Board | None = None) -> list[Request]:
    """The open requests that would wait for ever if `user` voted no more (on `board`; None: on any), by number.

    Only those that can be decided with `user`: one that is stuck already is not their doing.
    """
    reviews = Review.objects.filter(
        request__state__in=OPEN_STATES, outcome__in=UNDER_WAY, board__seats__user=user
    ).select_related("request", "board")
    if board is not None:
        reviews = reviews.filter(board=board)
    stuck = {r.request.number: r.request for r in reviews if _reaches(r, user, True) and not _reaches(r, user, False)}
    return [stuck[number] for number in sorted(stuck)]


def is_reachable(review: Review) -> bool:
    """Whether those who approved and those who may still vote are enough."""
    return _reaches_with(review, set(people_of(review).values_list("pk", flat=True)))


def _reaches(review: Review, user: User, with_user: bool) -> bool:
    """The same, with `user` as if they were active, or without."""
    people = set(people_of(review).values_list("pk", flat=True))
    return _reaches_with(review, people | {user.pk} if with_user else people - {user.pk})


def _reaches_with(review: Review, people: set[UUID]) -> bool:
    votes = dict(review.votes.values_list("voter", "verdict"))
    able = people - {*askers(review.request), *votes}
    approvals = sum(verdict == Vote.Verdict.APPROVE for verdict in votes.values())
    return approvals + len(able) >= review.quorum


def named(requests: list[Request]) -> str:
    """The requests as a sentence names them."""
    return ", ".join(f"R-{request.number}" for request in requests)


def tell_of_leaving(sender: object, user: User, by: Any, **signal: Any) -> None:
    """Record and tell who may change it that `user`, who was switched off, leaves requests that nobody can decide."""
    stuck = undecidable_without(user)
    if not stuck:
        return
    record("reviews.left_undecidable", by=by, subject=user, requests=[request.number for request in stuck])
    notify(
        people_above_who_may("approvals.manage_policies"),
        kind="platform",
        title=f"Nobody can decide on {named(stuck)} any more",
        body=f"{user} was switched off, and too few are left on the board. Seat somebody else.",
        path="/platform/boards/",
    )
