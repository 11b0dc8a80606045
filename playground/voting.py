"""A vote for the best answer of a turn, or for a tie; the first vote of a blind session shows its names.

Votes are kept as `Feedback`, one a person and turn; voting again replaces it.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import record
from playground.columns import clean
from playground.conversation import last_attempts
from playground.models import Answer, Feedback, Session, Turn
from refusals.errors import Conflict, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.models import User

MAX_COMMENT_LENGTH = 2_000


class NothingToCompare(Conflict):
    code = "nothing_to_compare"
    title = "Nothing to compare yet"


class CommentTooLong(Invalid):
    code = "comment_too_long"


@transaction.atomic
def vote(*, turn: Turn, winner: UUID | None, comment: str = "", by: User) -> Feedback:
    """Keep the vote of `by`: `winner` is the answer they prefer, None a tie.

    Raises `NothingToCompare` while fewer than two answers are complete, `Missing` for an answer of another turn,
    `TenantArchived` and `ProjectArchived`.
    """
    comment = clean(comment).strip()
    if len(comment) > MAX_COMMENT_LENGTH:
        raise CommentTooLong(f"A comment has at most {MAX_COMMENT_LENGTH:,} characters.", field="comment")
    rows = Session.objects.select_for_update(of=("self",)).select_related("tenant", "environment__project")
    session = rows.get(pk=turn.session_id)
    refuse_archived(session.tenant, session.environment.project)
    answers = last_attempts(turn.answers.all())
    if any(answer.state == Answer.State.RUNNING for answer in answers.values()):
        raise NothingToCompare("An answer is still being written. Vote when all are there.")
    if len(answers) < 2:
        raise NothingToCompare("A vote needs two answers or more.")
    chosen = next((answer for answer in answers.values() if answer.pk == winner), None)
    if winner is not None and chosen is None:
        raise Missing("There is no such answer in this turn.")
    feedback, _ = Feedback.objects.update_or_create(
        turn=turn,
        voter=by,
        defaults={"winner": chosen, "comment": comment, "at": timezone.now()},
        create_defaults={
            "tenant": session.tenant,
            "winner": chosen,
            "comment": comment,
            "was_blind": session.is_hidden,
        },
    )
    if session.is_hidden:
        session.revealed_at = timezone.now()
        session.save(update_fields=["revealed_at"])
    record(
        "feedback.voted",
        by=by,
        subject=session,
        tenant=session.tenant.slug,
        turn=str(turn.pk),
        winner=chosen.route if chosen else "tie",
        among=[answer.route for answer in answers.values()],
        was_blind=feedback.was_blind,
    )
    return feedback
