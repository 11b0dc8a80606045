"""The state machine of a request: (state, verb) → next state, who may, audit kind. Everything else is refused.

This table is the only place that knows; `approvals.transitions` applies it with a conditional update, and triggers in
the database (`approvals.triggers`) are made from it.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import models


class State(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    IN_REVIEW = "in_review", "In review"
    SENT_BACK = "sent_back", "Sent back"
    APPROVED = "approved", "Approved"
    APPROVED_WITH_CONDITIONS = "approved_with_conditions", "Approved with conditions"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    SUSPENDED = "suspended", "Suspended"
    SUPERSEDED = "superseded", "Superseded"


class Verb(models.TextChoices):
    SEND = "send", "Send"
    OPEN = "open", "Open the first stage"
    APPROVE = "approve", "Approve"
    APPROVE_WITH_CONDITIONS = "approve_with_conditions", "Approve with conditions"
    REFUSE = "refuse", "Refuse"
    SEND_BACK = "send_back", "Send back"
    WITHDRAW = "withdraw", "Withdraw"
    EXPIRE = "expire", "Expire"
    LAPSE = "lapse", "Lapse"
    SUSPEND = "suspend", "Suspend"
    RESUME = "resume", "Resume"
    RESUME_WITH_CONDITIONS = "resume_with_conditions", "Resume with its conditions"
    SUPERSEDE = "supersede", "Supersede"


class Transition(NamedTuple):
    """Where a verb leads, `who` may say it (`approvals.diagram.WHO` has the words), and its audit kind; empty where the
    entry of the verb that it is a part of tells it."""

    to: State
    who: str
    audit: str


TABLE: dict[tuple[State, Verb], Transition] = {
    (State.DRAFT, Verb.SEND): Transition(State.SUBMITTED, "requester", "request.submitted"),
    (State.DRAFT, Verb.WITHDRAW): Transition(State.WITHDRAWN, "requester", "request.withdrawn"),
    (State.SUBMITTED, Verb.OPEN): Transition(State.IN_REVIEW, "sending", ""),
    (State.SUBMITTED, Verb.APPROVE): Transition(State.APPROVED, "sending", "request.approved"),
    (State.IN_REVIEW, Verb.APPROVE): Transition(State.APPROVED, "quorum", "request.approved"),
    (State.IN_REVIEW, Verb.APPROVE_WITH_CONDITIONS): Transition(
        State.APPROVED_WITH_CONDITIONS, "quorum", "request.approved"
    ),
    (State.IN_REVIEW, Verb.REFUSE): Transition(State.REFUSED, "quorum", "request.refused"),
    (State.IN_REVIEW, Verb.SEND_BACK): Transition(State.SENT_BACK, "quorum", "request.sent_back"),
    (State.IN_REVIEW, Verb.WITHDRAW): Transition(State.WITHDRAWN, "requester", "request.withdrawn"),
    (State.IN_REVIEW, Verb.EXPIRE): Transition(State.EXPIRED, "clock", "request.expired"),
    (State.SENT_BACK, Verb.SEND): Transition(State.SUBMITTED, "requester", "request.submitted"),
    (State.SENT_BACK, Verb.WITHDRAW): Transition(State.WITHDRAWN, "concerned", "request.withdrawn"),
    (State.SENT_BACK, Verb.EXPIRE): Transition(State.EXPIRED, "clock", "request.expired"),
    (State.APPROVED, Verb.SUSPEND): Transition(State.SUSPENDED, "platform", "request.suspended"),
    (State.APPROVED, Verb.SUPERSEDE): Transition(State.SUPERSEDED, "newer", "request.superseded"),
    (State.APPROVED, Verb.LAPSE): Transition(State.EXPIRED, "end", "request.lapsed"),
    (State.APPROVED_WITH_CONDITIONS, Verb.SUSPEND): Transition(State.SUSPENDED, "platform", "request.suspended"),
    (State.APPROVED_WITH_CONDITIONS, Verb.SUPERSEDE): Transition(State.SUPERSEDED, "newer", "request.superseded"),
    (State.APPROVED_WITH_CONDITIONS, Verb.LAPSE): Transition(State.EXPIRED, "end", "request.lapsed"),
    (State.SUSPENDED, Verb.RESUME): Transition(State.APPROVED, "platform", "request.resumed"),
    (State.SUSPENDED, Verb.RESUME_WITH_CONDITIONS): Transition(
        State.APPROVED_WITH_CONDITIONS, "platform", "request.resumed"
    ),
    (State.SUSPENDED, Verb.SUPERSEDE): Transition(State.SUPERSEDED, "newer", "request.superseded"),
    (State.SUSPENDED, Verb.LAPSE): Transition(State.EXPIRED, "end", "request.lapsed"),
}

START_STATES = [State.DRAFT.value, State.SUBMITTED.value]
# Somebody has to do something before it is decided, and its subject cannot be asked for by another.
OPEN_STATES = [State.SUBMITTED.value, State.IN_REVIEW.value, State.SENT_BACK.value]
UNDECIDED_STATES = [State.DRAFT.value, *OPEN_STATES]
APPROVED_STATES = [State.APPROVED.value, State.APPROVED_WITH_CONDITIONS.value]
LIVING_STATES = [*APPROVED_STATES, State.SUSPENDED.value]  # an approval that could still be relied on, or be again
CHANGEABLE_STATES = [State.DRAFT.value, State.SENT_BACK.value]
# Its requester may ask once more: the same request, or, where it was closed, a new one.
CAME_BACK_STATES = [State.SENT_BACK.value, State.REFUSED.value, State.WITHDRAWN.value, State.EXPIRED.value]
END_STATES = [state.value for state in State if not any(start is state for start, _ in TABLE)]
