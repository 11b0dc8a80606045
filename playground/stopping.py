"""Asking that running answers stop, wherever they run."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from playground.models import Answer, Session
from playground.recovery import interrupt_the_silent


def ask_to_stop(session: Session, only: UUID | None = None) -> list[UUID]:
    """Note that the running answers of `session` shall stop, or `only` that one; which these are.

    The process that writes one looks each second (`playground.saving.keep_progress`); `playground.running.stop` is
    quicker where it is the same process. What no process writes any more ends here.
    """
    answers = Answer.objects.filter(turn__session=session, state=Answer.State.RUNNING)
    if only is not None:
        answers = answers.filter(pk=only)
    ids = list(answers.values_list("pk", flat=True))
    Answer.objects.filter(pk__in=ids).update(stop_asked_at=timezone.now())
    interrupt_the_silent(Answer.objects.filter(pk__in=ids))
    return ids
