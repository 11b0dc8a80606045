"""Answers whose writer is gone: a running answer is saved at least every few seconds, so silence means interruption."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils import timezone

from playground.models import Answer

SILENCE_S = 12
SENTENCE = "The answer was interrupted on our side; what had arrived is kept. Regenerate it to get a whole one."


def interrupt_the_silent(answers: QuerySet[Answer]) -> int:
    """Mark those of `answers` that nobody writes any more as interrupted; return how many."""
    return answers.filter(
        state=Answer.State.RUNNING, saved_at__lt=timezone.now() - dt.timedelta(seconds=SILENCE_S)
    ).update(state=Answer.State.INTERRUPTED, error_code="interrupted", error_message=SENTENCE)
