"""Move a request from one state to the next: only as `approvals.states.TABLE` allows, and only once.

The move is a conditional UPDATE, so of two people who act at the same instant one succeeds and the other is told.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from approvals.models import Request, Review
from approvals.states import TABLE, UNDECIDED_STATES, State, Transition, Verb
from refusals.errors import Conflict


class NotPossible(Conflict):
    """The request is in a state in which `verb` is not possible."""

    code = "transition_not_possible"
    title = "This request has moved on"


def allowed(state: str, verb: Verb) -> Transition:
    """The transition of `verb` from `state`. Raises `NotPossible`."""
    transition = TABLE.get((State(state), verb))
    if transition is None:
        when = " or ".join(start.label.lower() for start, said in TABLE if said is verb)
        moved_on = "it can no longer be changed" if state not in UNDECIDED_STATES else "this cannot be done now"
        raise NotPossible(
            f"The request is {State(state).label.lower()}, so {moved_on}: {verb.label.lower()} is possible only while"
            f" it is {when}.",
            state=state,
            verb=str(verb),
        )
    return transition


def move(request: Request, verb: Verb, *, at: dt.datetime | None = None, **fields: Any) -> Transition:
    """Move `request` by `verb` in the caller's transaction, with other `fields` of it in the same statement.

    Raises `NotPossible`, also when somebody was faster.
    """
    transition = allowed(request.state, verb)
    # What was closed stays closed at its time: an approval that is suspended was decided when it was.
    closed_at = None if transition.to in UNDECIDED_STATES else request.closed_at or at or timezone.now()
    fields |= {"state": transition.to, "closed_at": closed_at}
    moved = Request.objects.filter(pk=request.pk, state=request.state).update(**fields)
    if not moved:
        raise NotPossible("Somebody was faster: the request has just moved on. Reload to see how.")
    for name, value in fields.items():
        setattr(request, name, value)
    return transition


def close_reviews(request: Request, *, at: dt.datetime | None = None) -> None:
    """Close the reviews that nobody will look at any more."""
    undecided = (Review.Outcome.OPEN, Review.Outcome.WAITING)
    request.reviews.filter(outcome__in=undecided).update(outcome=Review.Outcome.CLOSED, closed_at=at or timezone.now())
