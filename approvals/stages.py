"""Open the stages of a request that is sent: the boards of its policy, or the tenant that it is left to."""

from __future__ import annotations

import datetime as dt

from approvals import stage_rules
from approvals.deciders import DECIDES, people_of
from approvals.delegation.standing import Standing
from approvals.models import ADMINISTRATORS, Board, Policy, Request, Review
from approvals.separation import askers
from approvals.telling import tell
from refusals.errors import Conflict


class BoardTooSmall(Conflict):
    code = "board_too_small"
    title = "The board cannot reach its quorum"


def open_boards(request: Request, policy: Policy, at: dt.datetime) -> list[Review]:
    """The first of the stages of `policy`, which are open now; the later ones wait. Raises `BoardTooSmall`."""
    # Locked, so that nobody is unseated between our counting who is able and the review that needs them.
    needed = Board.objects.filter(slug__in=[s["board"] for s in policy.stages]).order_by("pk")
    boards = {board.slug: board for board in needed.select_for_update(no_key=True)}
    reviews, own, group = [], askers(request), 0
    for position, stage in enumerate(map(stage_rules.kept, policy.stages), start=1):
        group += not stage.is_beside
        board = boards[stage.board]
        able = board.seats.filter(user__is_active=True).exclude(user__in=own).count()
        quorum = max(1, able) if stage.quorum is None else stage.quorum
        if able < quorum:
            raise BoardTooSmall(
                f"{board} needs {quorum} approval{'' if quorum == 1 else 's'} but only {able} of its"
                " members may decide on this request (nobody decides on their own). The platform team can seat more"
                " people or change the policy.",
                board=board.slug,
            )
        reviews.append(
            Review(
                request=request,
                round=request.round,
                position=position,
                board=board,
                group=group,
                quorum=quorum,
                veto=stage.as_json().get("veto", stage_rules.ANYBODY),
                checklist=list(stage.checklist),
                outcome=Review.Outcome.OPEN if group == 1 else Review.Outcome.WAITING,
                opened_at=at if group == 1 else None,
            )
        )
    Review.objects.bulk_create(reviews)
    return [review for review in reviews if review.outcome == Review.Outcome.OPEN]


def open_tenant(request: Request, under: Standing, at: dt.datetime) -> Review:
    """The one stage of a request that is left to its tenant. Raises `BoardTooSmall`."""
    review = Review(
        request=request, round=request.round, position=1, permission=DECIDES, outcome=Review.Outcome.OPEN, opened_at=at
    )
    if not people_of(review).exclude(pk__in=askers(request)).exists():
        raise BoardTooSmall(
            f"{under.capability.name} is left to {request.tenant}, and nobody active in it may decide. The platform"
            " team can help."
        )
    review.save(force_insert=True)
    return review


def open_administrators(request: Request, at: dt.datetime) -> Review:
    """The one stage of what another administrator of the platform decides on. Raises `BoardTooSmall`."""
    review = Review(
        request=request, round=request.round, position=1, permission=ADMINISTRATORS, outcome=Review.Outcome.OPEN,
        opened_at=at,
    )  # fmt: skip
    if not people_of(review).exclude(pk__in=askers(request)).exists():
        raise BoardTooSmall("You are the only administrator of the platform, so nobody else could approve this.")
    review.save(force_insert=True)
    return review


def open_next(request: Request, at: dt.datetime) -> list[Review]:
    """Open the stages that stand side by side next; none where there are no more."""
    waiting = request.reviews.filter(outcome=Review.Outcome.WAITING).select_related("board")
    group = min((review.group for review in waiting), default=None)
    opened = [review for review in waiting if review.group == group]
    for review in opened:
        review.request, review.outcome, review.opened_at = request, Review.Outcome.OPEN, at
        review.save(update_fields=["outcome", "opened_at"])
    return opened


def tell_voters(review: Review) -> None:
    """Tell who votes in the review, except who asked, that it is their turn."""
    request = review.request
    people = people_of(review).exclude(pk__in=askers(request))
    tell(people, request, kind="turn", title=f"{review.decider} decides: {request.title}", body=request.reason)
