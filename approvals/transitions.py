"""Move a request from one state to the next: only as `approvals.states.TABLE` allows, and only once.

The move is a conditional UPDATE, so of two people who act at the same instant one succeeds and the other is told.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from approvals.models import Request, Review
from approvals.states import OPEN_STATES, TABLE, State, Transition, Verb
from refusals.errors import Conflict


class NotPossible(Conflict):
    """The request is in a state in which `verb` is not possible."""

    code = "transition_not_possible"
    title = "This request has moved on"


def allowed(state: str, verb: Verb) -> Transition:
    """The transition of `verb` from `state`. Raises `NotPossible`."""
    transition = TABLE.get((State(state), verb))
    if transition is None:
        raise NotPossible(
            f"The request is {State(state).label.lower()}, so it can no longer be changed: {verb.label.lower()} is"
            " possible only while it is in review.",
            state=state,
            verb=str(verb),
        )
    return transition


def move(request: Request, verb: Verb, *, at: dt.datetime | None = None) -> Transition:
    """Move `request` by `verb` in the caller's transaction. Raises `NotPossible`, also when somebody was faster."""
    transition = allowed(request.state, verb)
    closed_at = None if transition.to in OPEN_STATES else at or timezone.now()
    moved = Request.objects.filter(pk=request.pk, state=request.state).update(state=transition.to, closed_at=closed_at)
    if not moved:
        raise NotPossible("Somebody was faster: the request has just been closed. Reload to see how.")
    request.state, request.closed_at = transition.to, closed_at
    return transition


def close_reviews(request: Request, *, at: dt.datetime | None = None) -> None:
    """Close the reviews that nobody will look at any more."""
    undecided = (Review.Outcome.OPEN, Review.Outcome.WAITING)
    request.reviews.filter(outcome__in=undecided).update(outcome=Review.Outcome.CLOSED, closed_at=at or timezone.now())
