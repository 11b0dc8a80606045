"""The state machine of a request: (state, verb) → next state, who may, audit kind. Everything else is refused.

This table is the only place that knows; `approvals.transitions` applies it with a conditional update.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import models


class State(models.TextChoices):
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


class Verb(models.TextChoices):
    APPROVE = "approve", "Approve"
    REFUSE = "refuse", "Refuse"
    WITHDRAW = "withdraw", "Withdraw"
    EXPIRE = "expire", "Expire"


class Transition(NamedTuple):
    """Where a verb leads, `who` may say it (`quorum`: the engine when a quorum is reached), and its audit kind."""

    to: State
    who: str
    audit: str


TABLE: dict[tuple[State, Verb], Transition] = {
    (State.IN_REVIEW, Verb.APPROVE): Transition(State.APPROVED, "quorum", "request.approved"),
    (State.IN_REVIEW, Verb.REFUSE): Transition(State.REFUSED, "quorum", "request.refused"),
    (State.IN_REVIEW, Verb.WITHDRAW): Transition(State.WITHDRAWN, "requester", "request.withdrawn"),
    (State.IN_REVIEW, Verb.EXPIRE): Transition(State.EXPIRED, "clock", "request.expired"),
}

OPEN_STATES = [State.IN_REVIEW.value]
