"""What the pages show of a session: its columns with what was said in each. Blind ones lose names and figures here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from django.urls import NoReverseMatch, reverse

from playground.blinding import HIDDEN_REASON, letter
from playground.columns import Column, from_kept
from playground.conversation import last_attempts, turns_of
from playground.models import Answer, Feedback, Session, Turn
from playground.offering import Offer
from playground.sending import warnings
from ui.markdown import render

MAX_SHOWN_TURNS = 30
MAX_SHOWN_PROMPT = 4_000  # characters shown in every column; the whole prompt is in the history
FINISHES = {
    "stop": "complete",
    "length": "cut off at the longest answer; raise it in settings",
    "content_filter": "cut off by a filter",
    "tool_calls": "asked for a tool",
}


@dataclass(frozen=True)
class Figures:
    """The quiet line under an answer."""

    first_token_ms: int | None
    tokens_per_second: float | None
    input_tokens: int | None
    output_tokens: int | None
    is_counted_here: bool  # the provider told no figures, as of a call that was stopped
    cost: Decimal | None
    currency: str
    finish: str
    call_path: str


@dataclass(frozen=True)
class ShownAnswer:
    """One answer. `figures` is None while it runs and while names are hidden; `label` names who answered."""

    id: UUID
    key: int
    attempt: int
    state: str
    html: str
    reasoning: str
    label: str
    error: str = ""
    way_out: str = ""
    figures: Figures | None = None
    is_hidden: bool = False
    is_preferred: bool = False
    is_elsewhere: bool = False  # another tab writes it: this one asks for it every second

    @property
    def is_running(self) -> bool:
        return self.state == Answer.State.RUNNING

    @property
    def has_trouble(self) -> bool:
        return self.state in (Answer.State.REFUSED, Answer.State.FAILED, Answer.State.INTERRUPTED)


@dataclass(frozen=True)
class ShownTurn:
    """A turn as one column shows it; `answer` is None where the column was not there yet."""

    id: UUID
    position: int
    prompt: str
    is_cut: bool
    answer: ShownAnswer | None


@dataclass(frozen=True)
class ShownColumn:
    """A column with its conversation. `offer` is None while names are hidden or nothing is chosen."""

    column: Column
    place: int
    label: str
    offer: Offer | None
    is_hidden: bool = False
    turns: list[ShownTurn] = field(default_factory=list)
    said_length: int = 0
    warnings: tuple[str, ...] = ()  # what of a prompt is put another way for the model, or refused

    @property
    def key(self) -> int:
        return self.column.key

    @property
    def purposes(self) -> tuple[str, ...]:
        """Those of which one has to be stated and is not; none: nothing is missing."""
        if self.offer is None or self.column.purpose in self.offer.purposes:
            return ()
        return self.offer.purposes


def shown_answer(
    answer: Answer, *, is_hidden: bool, label: str, html: str | None = None, preferred: frozenset[UUID] = frozenset(),
    is_elsewhere: bool = False,
) -> ShownAnswer:  # fmt: skip
    """The answer as it may be shown now."""
    error, way_out = answer.error_message, answer.way_out
    has_trouble = answer.state in (Answer.State.REFUSED, Answer.State.FAILED, Answer.State.INTERRUPTED)
    if is_hidden and has_trouble:
        error, way_out = HIDDEN_REASON, ""
    return ShownAnswer(
        id=answer.pk,
        key=answer.column,
        attempt=answer.attempt,
        state=answer.state if not (is_hidden and has_trouble) else Answer.State.FAILED,
        html=render(answer.text) if html is None else html,
        reasoning=answer.reasoning,
        label=label,
        error=error,
        way_out=way_out,
        figures=None if is_hidden or answer.state == Answer.State.RUNNING else figures_of(answer),
        is_hidden=is_hidden,
        is_preferred=answer.pk in preferred,
        is_elsewhere=is_elsewhere and answer.state == Answer.State.RUNNING,
    )


def figures_of(answer: Answer) -> Figures | None:
    """The figures of an answer that has ended; None where no call was made."""
    if answer.call_id is None:
        return None
    try:
        call_path = reverse("usage:call", args=[answer.call_id])
    except NoReverseMatch:
        call_path = ""
    return Figures(
        first_token_ms=answer.first_token_ms,
        tokens_per_second=answer.tokens_per_second,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        is_counted_here=answer.usage_source == "counted",
        cost=answer.cost,
        currency=answer.currency,
        finish=FINISHES.get(answer.finish_reason, answer.finish_reason),
        call_path=call_path,
    )


def shown_prompt(turn: Turn) -> tuple[str, bool]:
    """The prompt as every column repeats it, and whether it was cut."""
    if len(turn.prompt) <= MAX_SHOWN_PROMPT:
        return turn.prompt, False
    return turn.prompt[:MAX_SHOWN_PROMPT] + "…", True


def shown_turn(turn: Turn, answer: ShownAnswer | None) -> ShownTurn:
    prompt, is_cut = shown_prompt(turn)
    return ShownTurn(turn.pk, turn.position, prompt, is_cut, answer)


def label_of(column: Column, place: int, *, is_hidden: bool) -> str:
    """What a column is called: its route, or its letter while names are hidden."""
    return letter(place) if is_hidden else (column.route or f"Column {place + 1}")


def shown_columns(
    columns: Sequence[Column], offers: Mapping[str, Offer], *, is_hidden: bool = False
) -> list[ShownColumn]:
    """Columns without a conversation yet."""
    told = warnings(columns) if offers and not is_hidden else {}
    return [
        ShownColumn(
            column if not is_hidden else Column(column.key),
            place,
            label_of(column, place, is_hidden=is_hidden),
            None if is_hidden else offers.get(column.route),
            is_hidden,
            warnings=told.get(column.key, ()),
        )
        for place, column in enumerate(columns)
    ]


def conversation(session: Session, offers: Mapping[str, Offer], preferred: frozenset[UUID]) -> list[ShownColumn]:
    """The columns of a session with their turns, the latest `MAX_SHOWN_TURNS` of them."""
    turns = turns_of(session)
    shown = []
    for column in shown_columns(from_kept(session.columns), offers, is_hidden=session.is_hidden):
        rows = []
        said = 0
        for turn in turns[-MAX_SHOWN_TURNS:]:
            answer = last_attempts(turn.answers.all()).get(column.key)
            if answer is None and turn is not turns[-1]:
                continue
            if answer is not None:
                said += len(turn.prompt) + len(answer.text)
            seen = None
            if answer is not None:
                label = column.label if column.is_hidden else answer.route
                seen = shown_answer(
                    answer, is_hidden=session.is_hidden, label=label, preferred=preferred, is_elsewhere=True
                )
            rows.append(shown_turn(turn, seen))
        shown.append(replace(column, turns=rows, said_length=said))
    return shown


def preferred_by(session: Session, viewer_id: UUID) -> frozenset[UUID]:
    """The answers that the viewer voted for."""
    votes = Feedback.objects.filter(turn__session=session, voter_id=viewer_id).exclude(winner=None)
    return frozenset(votes.values_list("winner_id", flat=True))
