"""The one streamed response of a run: server-sent events (WHATWG HTML, section 9.2) that htmx swaps into the columns.

Text is sent as the blocks that are complete and the block that grows, at most every `GAP_S`; only the first words of a
column and its end do not wait. Named events (`pg-begun`, `pg-ended`) tell the page's script where it stands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from html import escape
from typing import Any
from uuid import uuid4

from django.template.loader import render_to_string
from django.urls import reverse

from playground.answering import Writing
from playground.asking import Plan
from playground.columns import from_kept
from playground.conversation import last_attempts
from playground.framing import PING, message, partial
from playground.models import Answer
from playground.running import Run
from playground.showing import ShownAnswer, ShownColumn, ShownTurn, label_of, shown_answer, shown_columns, shown_turn

GAP_S = 0.05
CHARACTERS_A_SECOND = 100_000  # a growing block of this length is sent once a second, a short one every GAP_S
KEEP_ALIVE_S = 15.0


class Feed:
    """What one answer still has to send to the page."""

    def __init__(self, writing: Writing, *, label: str, is_hidden: bool, session_id: Any) -> None:
        self.writing = writing
        self._label = label
        self._is_hidden = is_hidden
        self._session_id = session_id
        self._sent_text = 0
        self._sent_reasoning = 0
        self.is_over = False

    def next(self, *, has_ended: bool) -> str:
        """The partials for what is new since the last time; the last of all when the answer has ended."""
        if self.is_over:
            return ""
        parts = self._reasoning()
        writing, answer_id = self.writing, self.writing.id
        if len(writing.text) > self._sent_text and not has_ended:
            self._sent_text = len(writing.text)
            done, growing = writing.growing.take()
            if done:
                parts += partial(f"done-{answer_id}", done, "beforeend")
            parts += partial(f"tail-{answer_id}", growing, "innerMorph")
        if has_ended:
            self.is_over = True
            parts += self._rest() + self._end()
        return parts

    def _reasoning(self) -> str:
        answer_id, reasoning = self.writing.id, self.writing.reasoning
        new, self._sent_reasoning = reasoning[self._sent_reasoning :], len(reasoning)
        if not new:
            return ""
        if len(new) < len(reasoning):
            return partial(f"reasoning-{answer_id}", escape(new), "beforeend")
        inner = f'<summary>Reasoning</summary><div class="pg-plain" id="reasoning-{answer_id}">{escape(new)}</div>'
        opened = f'<details class="pg-reasoning" id="thought-{answer_id}">{inner}</details>'
        return partial(f"thought-{answer_id}", opened, "outerHTML")

    def _rest(self) -> str:
        answer_id, growing = self.writing.id, self.writing.growing
        if not growing.text:
            return ""
        whole, differs = growing.finish()
        if differs:
            return partial(f"done-{answer_id}", whole) + partial(f"tail-{answer_id}", "")
        done, last = growing.take()
        return partial(f"done-{answer_id}", done + last, "beforeend") + partial(f"tail-{answer_id}", "")

    def _end(self) -> str:
        answer = self.shown()
        context = {"answer": answer, "session_id": self._session_id}
        foot = render_to_string("playground/answer.html#foot", context)
        return partial(f"foot-{answer.id}", foot, "outerHTML") + partial("announce", escape(_spoken(answer)))

    def shown(self) -> ShownAnswer:
        row = self.writing.row()
        # The text is on the page already; the foot only needs to know whether there is any.
        html = "…" if row.text else ""
        return shown_answer(row, is_hidden=self._is_hidden, label=self._label, html=html)


def _spoken(answer: ShownAnswer) -> str:
    if answer.has_trouble:
        return f"{answer.label} could not answer: {answer.error}"
    return f"{answer.label} was stopped." if answer.state == Answer.State.STOPPED else f"{answer.label} has answered."


async def stream(run: Run) -> AsyncIterator[bytes]:
    """The events of a run, from its turn to the figures. When the reader leaves, what runs is stopped and settled."""
    run.start()
    try:
        plan = run.plan
        yield opening(plan)
        labels = _labels(plan)
        feeds = [
            Feed(w, label=labels[w.column.key], is_hidden=plan.session.is_hidden, session_id=plan.session.pk)
            for w in run.writings
        ]
        while True:
            run.changed.clear()
            run.urgent.clear()
            parts = "".join(feed.next(has_ended=run.has_ended(feed.writing)) for feed in feeds)
            if parts:
                yield message(parts)
            if all(feed.is_over for feed in feeds):
                break
            if parts:
                longest = max(feed.writing.growing.open_length for feed in feeds)
                await _at_most(run.urgent, max(GAP_S, longest / CHARACTERS_A_SECOND))
            while not await _at_most(run.changed, KEEP_ALIVE_S):
                yield PING
        yield closing(plan)
    finally:
        await asyncio.shield(run.leave())


async def _at_most(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`; whether it came in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _labels(plan: Plan) -> dict[int, str]:
    return {
        column.key: label_of(column, place, is_hidden=plan.session.is_hidden)
        for place, column in enumerate(plan.columns)
    }


def opening(plan: Plan) -> bytes:
    """The new turn in every column with an answer that is being written, and where the session lives now."""
    session, turn = plan.session, plan.turn
    parts = partial("prompt-error", "") + partial("vote", "")
    is_first_blind = session.is_hidden and plan.is_new
    rendered: list[ShownColumn] = shown_columns(plan.columns, {}, is_hidden=session.is_hidden)
    by_key = {planned.column.key: planned.answer for planned in plan.answers}
    blinded = ""
    for shown in rendered:
        if (answer := by_key.get(shown.key)) is None:
            continue
        context: dict[str, Any] = {"session_id": session.pk, "key": shown.key}
        running = shown_answer(answer, is_hidden=session.is_hidden, label=shown.label, html="")
        if answer.attempt > 1 or not plan.is_prompt:
            slot = render_to_string("playground/answer.html", {**context, "answer": running})
            parts += partial(f"slot-{turn.pk}-{shown.key}", slot)
            continue
        row = shown_turn(turn, running)
        if is_first_blind:
            shown.turns.append(row)
            blinded += render_to_string("playground/column.html", {"shown": shown, "session_id": session.pk})
            continue
        parts += partial(f"column-error-{shown.key}", "")
        rows = [*_missed(plan, shown), row]
        html = "".join(render_to_string("playground/turn.html", {**context, "turn": each}) for each in rows)
        parts += partial(f"conversation-{shown.key}", html, "beforeend")
    if is_first_blind:
        parts += partial("columns", blinded)
    fields = {"session_id": session.pk, "token": uuid4(), "known": turn.position}
    parts += partial("session-fields", render_to_string("playground/composer.html#fields", fields))
    told = {
        "id": str(session.pk),
        "url": session.get_absolute_url(),
        "name": str(session),
        "isNew": plan.is_new,
        "isPrompt": plan.is_prompt,
        "stop": reverse("playground:stop", args=[session.pk]),
        "answer": reverse("playground:answer", args=[session.pk]).replace(str(session.pk), "{id}"),
        "toolbar": reverse("playground:toolbar", args=[session.pk]),
    }
    return message(parts) + message(json.dumps(told), event="pg-begun")


def _missed(plan: Plan, shown: ShownColumn) -> list[ShownTurn]:
    """What another tab asked in this column meanwhile."""
    turns = []
    for turn in plan.missed:
        if (answer := last_attempts(turn.answers.all()).get(shown.key)) is not None:
            said = shown_answer(answer, is_hidden=shown.is_hidden, label=shown.label)
            turns.append(shown_turn(turn, said))
    return turns


def closing(plan: Plan) -> bytes:
    """The end of the run; a blind turn now asks for the vote."""
    parts = b""
    if plan.session.is_hidden and len(from_kept(plan.session.columns)) > 1:
        bar = reverse("playground:vote-bar", args=[plan.session.pk])
        parts = message(partial("vote", f'<div hx-get="{bar}" hx-trigger="load" hx-target="#vote"></div>'))
    return parts + message("{}", event="pg-ended")
