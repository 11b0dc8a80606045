"""What happens next with a request and whose step it is: the first line of its page, and of every list."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.deciders import is_before
from approvals.models import Request, Review, Vote
from approvals.separation import is_own
from approvals.states import APPROVED_STATES, CHANGEABLE_STATES, State
from approvals.subjects import kind_of
from tenants.models import User


@dataclass(frozen=True)
class NextStep:
    """One sentence, and `short` the same for a row of a list, empty where nothing is to be done any more.

    `review` is the one in which the viewer may vote now, if any.
    """

    sentence: str
    review: Review | None = None
    short: str = ""


def next_step(request: Request, viewer: User) -> NextStep:
    """The next step of `request` for `viewer`. Reads its reviews with board, seats and votes (prefetch them)."""
    if request.state == State.IN_REVIEW:
        return _in_review(request, viewer)
    if request.state in APPROVED_STATES:
        return NextStep(kind_of(request.subject_kind).effect)
    if request.state in CHANGEABLE_STATES:
        return _with_requester(request, viewer)
    if request.state == State.REFUSED:
        again = "You can ask again when the reason no longer holds." if request.requester_id == viewer.pk else ""
        return NextStep(f"Refused. {again}".strip())
    if request.state == State.WITHDRAWN:
        return NextStep("Withdrawn by the requester; nothing was decided.")
    if request.state == State.SUSPENDED:
        return NextStep("Suspended: what it gave is taken back until the platform team resumes it.", short="suspended")
    if request.state == State.SUPERSEDED:
        return NextStep("A newer approval of the same took its place.")
    if request.state == State.EXPIRED and _was_approved(request):
        return NextStep("The approval is no longer valid; it can be asked for again.")
    return NextStep("Nobody decided in time; it can be asked again.")


def waits_for(request: Request) -> str:
    """`R-11 waits for the Risk board`. Reads its reviews with board (prefetch them)."""
    review = next((review for review in request.reviews.all() if review.outcome == Review.Outcome.OPEN), None)
    if request.state == State.SENT_BACK:
        return f"R-{request.number} was sent back to {request.requester}"
    if review is None:
        return f"R-{request.number} is being closed"
    return f"R-{request.number} waits for {'the ' if review.board else ''}{review.decider}"


def may_vote(review: Review, viewer: User) -> bool:
    """Whether `viewer` may vote in `review` now, for what a page offers; the verb asks again."""
    return (
        review.outcome == Review.Outcome.OPEN
        and not is_own(review.request, viewer)
        and is_before(review, viewer)
        and all(vote.voter_id != viewer.pk for vote in review.votes.all())
    )


def _in_review(request: Request, viewer: User) -> NextStep:
    at_work = [review for review in request.reviews.all() if review.outcome == Review.Outcome.OPEN]
    at_work.sort(key=lambda review: not may_vote(review, viewer))  # one's own turn first
    for review in at_work:
        given = sum(vote.verdict == Vote.Verdict.APPROVE for vote in review.votes.all())
        missing = review.quorum - given
        needed = f"{missing} more approval{'' if missing == 1 else 's'} needed" if given else _count(missing)
        if may_vote(review, viewer):
            return NextStep(f"It is your turn: vote for {review.decider} ({needed}).", review, "your vote")
        voted = any(vote.voter_id == viewer.pk for vote in review.votes.all())
        waiting = "You have voted. " if voted else ""
        beside = [other.decider for other in at_work if other is not review]
        also = f" {' and '.join(beside)} looks at it at the same time." if beside else ""
        return NextStep(f"{waiting}{review.decider} decides next: {needed}.{also}", short=f"{review.decider} decides")
    return NextStep("The reviews are being closed.")


def _with_requester(request: Request, viewer: User) -> NextStep:
    if request.state == State.DRAFT:
        return NextStep("A draft that nobody else sees. Send it when it says what you need.", short="your draft")
    if request.requester_id == viewer.pk:
        return NextStep(
            "It is your turn: it was sent back. Change what was asked for and send it again.", short="yours"
        )
    who = str(request.requester)
    return NextStep(f"{who} was asked to change it and to send it again.", short=f"{who} changes it")


def _was_approved(request: Request) -> bool:
    return any(
        review.round == request.round and review.outcome == Review.Outcome.APPROVED for review in request.reviews.all()
    )


def _count(number: int) -> str:
    return "one approval needed" if number == 1 else f"{number} approvals needed"
