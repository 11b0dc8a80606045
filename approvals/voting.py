"""Vote in a review; when the quorum is reached, open the next stage or decide.

A stage is approved when its quorum of approvals is reached. A refusal of who has a veto in it refuses the request at
once, any other once the quorum cannot be reached any more. Any vote to send it back ends the round: the requester
changes it and sends it again. Nobody votes on what they asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.deciders import votes_in
from approvals.deciding import decide
from approvals.models import ADMINISTRATORS, Request, Review, Revision, Vote
from approvals.reach import is_reachable
from approvals.scoping import reviews_for
from approvals.separation import is_own
from approvals.stage_rules import NOBODY
from approvals.stages import open_next, tell_voters
from approvals.states import Verb
from approvals.subjects import kind_of
from approvals.superseding import lock_what_follows
from approvals.telling import tell
from approvals.transitions import NotPossible, allowed, close_reviews, move
from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.models import User

MAX_COMMENT = 4000


class CommentMissing(Invalid):
    code = "comment_missing"


class UnknownVerdict(Invalid):
    code = "unknown_verdict"


class ConditionsNotTaken(Invalid):
    code = "conditions_not_taken"


class ChecklistOpen(Invalid):
    code = "checklist_open"


class OwnRequest(Forbidden):
    code = "own_request"
    title = "Nobody decides on their own request"


class NotSeated(Forbidden):
    code = "not_seated"
    title = "You have no seat on this board"


class VotedAlready(Conflict):
    code = "voted_already"
    title = "You have voted"


class NotTheirTurn(Conflict):
    code = "stage_not_open"
    title = "It is another board's turn"


def refuse_voter(review: Review, voter: User) -> None:
    """Raise why `voter` may not vote in `review`, by person and not by state: `Missing`, `OwnRequest`, `NotSeated`."""
    if not reviews_for(voter).filter(pk=review.pk).exists():
        raise Missing("There is no such review, or it is not yours to see.")
    if is_own(review.request, voter):
        raise OwnRequest("You asked for this, so somebody else has to decide on it.")
    if not votes_in(review, voter):
        vote = f"members of {review.board} vote" if review.board else f"who decides for {review.request.tenant} votes"
        vote = "another administrator of the platform votes" if review.permission == ADMINISTRATORS else vote
        raise NotSeated(f"Only {vote} in this stage. You can still comment.")


@transaction.atomic
def vote(
    *, review: Review, verdict: str, comment: str, by: User, conditions: Mapping[str, Any] | None = None,
    checked: Collection[str] = (), at: dt.datetime | None = None,
) -> Vote:  # fmt: skip
    """Cast the one vote of `by` in `review`, and decide when it is the last one needed. An approval may demand
    `conditions`, in the form that the kind of the subject has for them, and says which sentences of the stage's
    checklist were `checked`: all of them.

    Raises `ChecklistOpen`, `ConditionsNotTaken`, `Missing`, `OwnRequest`, `NotSeated`, `CommentMissing`,
    `UnknownVerdict`, `NotPossible`, `NotTheirTurn`, `VotedAlready`, and `TenantArchived` or `ProjectArchived` where it
    was asked in one. `at` dates demonstration data back.
    """
    refuse_voter(review, by)
    if verdict not in Vote.Verdict.values:
        raise UnknownVerdict("Vote “approve”, “refuse” or “send_back”.", field="verdict")
    comment = stated(comment)
    # The row of the request is the one lock: votes, withdrawal and expiry of a request follow one another.
    request = Request.objects.select_for_update(no_key=True).get(pk=review.request_id)
    if request.tenant is not None:
        refuse_archived(request.tenant, request.environment.project if request.environment else None)
    allowed(request.state, Verb(verdict))
    review = Review.objects.select_related("board").get(pk=review.pk)
    review.request = request
    if review.outcome == Review.Outcome.WAITING:
        raise NotTheirTurn(f"An earlier stage is still at work; {review.decider} is asked when it has approved.")
    if review.outcome != Review.Outcome.OPEN:
        raise NotPossible(f"{review.decider} has already {review.get_outcome_display().lower()} this stage.")
    if review.votes.filter(voter=by).exists():
        raise VotedAlready("You have voted in this stage; a vote is final. Add a comment instead.")
    unchecked = [line for line in review.checklist if line not in checked]
    if unchecked and verdict == Vote.Verdict.APPROVE:
        raise ChecklistOpen(f"Check this before you approve: {unchecked[0]}", field="checked", unchecked=unchecked)
    kind = kind_of(request.subject_kind)
    if conditions and (kind.impose is None or verdict != Vote.Verdict.APPROVE):
        raise ConditionsNotTaken("Conditions belong to an approval of access; leave them out.", field="conditions")
    lock_what_follows(request)
    at = at if at is not None and request.is_demonstration else timezone.now()
    cast = Vote.objects.create(
        review=review, voter=by, verdict=verdict, comment=comment, is_conditional=bool(conditions), at=at,
        checked=[line for line in review.checklist if line in checked],
    )  # fmt: skip
    record(
        "vote.cast",
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        verdict=str(verdict),
        board=review.board.slug if review.board else "",
        stage=review.position,
        comment=comment,
    )
    if conditions and kind.impose is not None:
        kind.impose(cast, conditions)
    _count(request, review, cast)
    return cast


def has_veto(review: Review, voter: User) -> bool:
    """Whether a single refusal of `voter` refuses the request."""
    named: str | list[str] = review.veto
    return voter.username in named if isinstance(named, list) else named != NOBODY


def stated(comment: str) -> str:
    """The comment without what a database refuses. Raises `CommentMissing`."""
    comment = comment.replace("\x00", "").strip()
    if not comment:
        raise CommentMissing("Say why: the requester and later readers rely on it.", field="comment")
    if len(comment) > MAX_COMMENT:
        raise CommentMissing(f"Keep it under {MAX_COMMENT:,} characters; this has {len(comment):,}.", field="comment")
    return comment


def _count(request: Request, review: Review, cast: Vote) -> None:
    if cast.verdict == Vote.Verdict.REFUSE:
        if not has_veto(review, cast.voter) and is_reachable(review):
            return
        _close(review, Review.Outcome.REFUSED, cast.at)
        decide(request=request, verb=Verb.REFUSE, by=cast.voter, at=cast.at)
        return
    if cast.verdict == Vote.Verdict.SEND_BACK:
        _send_back(request, review, cast)
        return
    if review.votes.filter(verdict=Vote.Verdict.APPROVE).count() < review.quorum:
        return
    _close(review, Review.Outcome.APPROVED, cast.at)
    if request.reviews.filter(outcome=Review.Outcome.OPEN).exists():
        return  # another stage beside it is still at work
    opened = open_next(request, cast.at)
    if not opened:
        demands = Vote.objects.filter(review__request=request, review__round=request.round, is_conditional=True)
        verb = Verb.APPROVE_WITH_CONDITIONS if demands.exists() else Verb.APPROVE
        decide(request=request, verb=verb, by=cast.voter, at=cast.at)
        return
    for following in opened:
        tell_voters(following)


def _send_back(request: Request, review: Review, cast: Vote) -> None:
    _close(review, Review.Outcome.SENT_BACK, cast.at)
    close_reviews(request, at=cast.at)
    transition = move(request, Verb.SEND_BACK, at=cast.at)
    Revision.objects.create(
        request=request, round=request.round, title=request.title, reason=request.reason, facts=request.facts,
        policy=request.policy, sent_back_at=cast.at,
    )  # fmt: skip
    tenant = request.tenant.slug if request.tenant else ""
    record(transition.audit, by=cast.voter, subject=request, tenant=tenant, round=request.round)
    tell([request.requester], request, kind="decision", title=f"Sent back: {request.title}", body=cast.comment)


def _close(review: Review, outcome: Review.Outcome, at: dt.datetime) -> None:
    review.outcome, review.closed_at = outcome, at
    review.save(update_fields=["outcome", "closed_at"])
