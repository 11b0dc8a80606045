"""What a model is told: the system prompt, what was said in its column so far, and the new prompt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from playground.columns import Column
from playground.models import Answer, Session, Turn
from playground.parameters import of_the_body

USABLE = (Answer.State.DONE, Answer.State.STOPPED, Answer.State.INTERRUPTED)


def last_attempts(answers: Iterable[Answer]) -> dict[int, Answer]:
    """The shown answer of each column: its last attempt."""
    shown: dict[int, Answer] = {}
    for answer in sorted(answers, key=lambda a: a.attempt):
        shown[answer.column] = answer
    return shown


def turns_of(session: Session) -> list[Turn]:
    """The turns of the session with all their answers, in two queries."""
    return list(session.turns.prefetch_related("answers"))


def messages(column: Column, turns: Iterable[Turn], prompt: str, system: str) -> list[dict[str, str]]:
    """The messages for `column`; earlier turns count only where the column has an answer with text."""
    said: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        answer = last_attempts(turn.answers.all()).get(column.key)
        if answer is not None and answer.text and answer.state in USABLE:
            said.append({"role": "user", "content": turn.prompt})
            said.append({"role": "assistant", "content": answer.text})
    return [*said, {"role": "user", "content": prompt}]


def body(column: Column, spoken: list[dict[str, str]], longest: int | None) -> dict[str, Any]:
    """The body of `POST /v1/chat/completions` for `column`, not streamed; `longest` answer unless the column says."""
    usual = {} if longest is None else {"max_tokens": longest}
    return {"model": column.route, "messages": spoken, **usual, **of_the_body(column.parameters)}
