"""A prompt becomes a turn: who may ask, what is acceptable, and that one press makes one turn.

`ask` and `ask_again` write what will be answered; `playground.running` then calls the models. Neither writes an audit
entry: each call is in the ledger with its person, environment and cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from playground import variables
from playground.blinding import shuffled
from playground.columns import Column, UnacceptableColumns, clean, from_kept, too_long
from playground.conversation import body, messages, turns_of
from playground.keeping import StillAnswering, name_from
from playground.models import Answer, Session, Turn
from playground.offering import longest_answers
from playground.recovery import interrupt_the_silent
from refusals.errors import Conflict, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.models import Environment, User

MAX_PROMPT_LENGTH = 200_000  # characters
MAX_VARIABLE_LENGTH = 50_000
MAX_TURNS = 200
MAX_ATTEMPTS = 20


class PromptNotAcceptable(Invalid):
    code = "prompt_not_acceptable"


class AskedAlready(Conflict):
    code = "asked_already"
    title = "This was sent already"


class WentOn(Conflict):
    code = "session_went_on"


class NothingToRepeat(Missing):
    code = "nothing_to_repeat"


@dataclass(frozen=True)
class Planned:
    """One answer to be written: the row it goes to and the body the gateway is called with."""

    answer: Answer
    column: Column
    body: dict[str, object]


@dataclass(frozen=True)
class Plan:
    """One turn about to be answered.

    `is_prompt` tells a new prompt from another attempt at the last one; `missed` are turns that the asking page does
    not show yet (another tab's).
    """

    session: Session
    turn: Turn
    columns: list[Column]
    answers: list[Planned]
    is_new: bool = False
    is_prompt: bool = True
    missed: list[Turn] = field(default_factory=list)


@dataclass(frozen=True)
class Prompt:
    """What was typed: the text, the values of its variables, and the token of this press."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    token: UUID | None = None

    def checked(self) -> Prompt:
        """The same, cleaned. Raises `PromptNotAcceptable`."""
        text = clean(self.text).strip()
        if not text:
            raise PromptNotAcceptable("Write a prompt first.", field="prompt")
        values = {name: clean(str(value)) for name, value in self.values.items()}
        for name, value in values.items():
            if len(value) > MAX_VARIABLE_LENGTH:
                words = too_long(f"The variable {name}", len(value), MAX_VARIABLE_LENGTH)
                raise PromptNotAcceptable(words, field="prompt")
        length = len(variables.filled(text, values))
        if length > MAX_PROMPT_LENGTH:
            raise PromptNotAcceptable(too_long("The prompt", length, MAX_PROMPT_LENGTH), field="prompt")
        return Prompt(text, values, self.token)


def check_columns(columns: Sequence[Column]) -> None:
    """Raise `UnacceptableColumns` for the first thing that keeps `columns` from being run."""
    if not columns:
        raise UnacceptableColumns("Add a column and choose a model.", field="columns")
    for place, column in enumerate(columns, start=1):
        if not column.route:
            raise UnacceptableColumns(f"Choose a model for column {place}.", field=f"column-{column.key}")
        for message in column.errors.values():
            raise UnacceptableColumns(f"Column {place}: {message}", field=f"column-{column.key}")


@transaction.atomic
def begin_session(*, environment: Environment, columns: Sequence[Column], is_blind: bool, by: User) -> Session:
    """A session that holds `columns` and nothing said yet. Raises `TenantArchived`, `ProjectArchived`."""
    refuse_archived(environment.tenant, environment.project)
    return Session.objects.create(
        tenant_id=environment.tenant_id,
        environment=environment,
        owner=by,
        is_blind=is_blind,
        columns=[column.kept() for column in columns],
    )


@transaction.atomic
def ask(
    *,
    session: Session | None,
    environment: Environment,
    columns: Sequence[Column],
    prompt: Prompt,
    is_blind: bool = False,
    known_turns: int | None = None,
    by: User,
) -> Plan:
    """Write a turn with one running answer a column; a session is begun where there is none yet.

    Raises `PromptNotAcceptable`, `UnacceptableColumns`, `AskedAlready` (the same press twice), `StillAnswering`, and
    where the environment's project or tenant is archived.
    """
    prompt = prompt.checked()
    refuse_archived(environment.tenant, environment.project)
    is_new = session is None
    if session is None:
        check_columns(columns)
        session = begin_session(environment=environment, columns=columns, is_blind=is_blind, by=by)
    else:
        session = Session.objects.select_for_update().get(pk=session.pk)
        if session.is_hidden:
            columns = from_kept(session.columns)
        check_columns(columns)
        _refuse_while_answering(session)
    turns = [] if is_new else turns_of(session)
    if len(turns) >= MAX_TURNS:
        raise PromptNotAcceptable(f"This session has {MAX_TURNS} turns. Begin a new one.", field="prompt")
    if session.is_hidden and not turns:
        columns = shuffled(columns)
    text = variables.filled(prompt.text, prompt.values)
    is_template = text != prompt.text
    try:
        with transaction.atomic():
            turn = Turn.objects.create(
                session=session,
                position=turns[-1].position + 1 if turns else 1,
                prompt=text,
                template=prompt.text if is_template else "",
                variables=dict(prompt.values) if is_template else {},
                token=prompt.token,
            )
    except IntegrityError:
        raise AskedAlready("This prompt was sent already; its answers are on their way.") from None
    session.environment = environment
    session.columns = [column.kept() for column in columns]
    session.name = session.name or name_from(text)
    session.updated_at = timezone.now()
    session.save(update_fields=["environment", "columns", "name", "updated_at"])
    longest = longest_answers([column.route for column in columns])
    planned = [_plan(column, turn, turns, prompt.values, longest.get(column.route), attempt=1) for column in columns]
    Answer.objects.bulk_create([p.answer for p in planned])
    missed = [] if known_turns is None else [t for t in turns if t.position > known_turns]
    return Plan(session, turn, list(columns), planned, is_new=is_new, missed=missed)


@transaction.atomic
def ask_again(*, session: Session, column: Column, known_turns: int | None = None) -> Plan:
    """Write another attempt of `column` at the last turn. Raises `NothingToRepeat`, `StillAnswering`, `WentOn`."""
    rows = Session.objects.select_for_update(of=("self",)).select_related("tenant", "environment__project")
    session = rows.get(pk=session.pk)
    refuse_archived(session.tenant, session.environment.project)
    turns = turns_of(session)
    if not turns:
        raise NothingToRepeat("Nothing was asked in this session yet.")
    if known_turns is not None and turns[-1].position != known_turns:
        raise WentOn("This session went on in another tab. Reload it to see the latest turn.")
    _refuse_while_answering(session)
    if session.is_hidden:
        column = next((c for c in from_kept(session.columns) if c.key == column.key), column)
    check_columns([column])
    *earlier, turn = turns
    attempts = [answer.attempt for answer in turn.answers.all() if answer.column == column.key]
    if len(attempts) >= MAX_ATTEMPTS:
        raise PromptNotAcceptable(f"This was answered {MAX_ATTEMPTS} times already. Ask something new.")
    longest = longest_answers([column.route]).get(column.route)
    planned = _plan(column, turn, earlier, turn.variables, longest, attempt=max(attempts, default=0) + 1)
    planned.answer.save(force_insert=True)
    columns = [column if kept.key == column.key else kept for kept in from_kept(session.columns)]
    session.columns = [c.kept() for c in columns]
    session.updated_at = timezone.now()
    session.save(update_fields=["columns", "updated_at"])
    return Plan(session, turn, columns, [planned], is_prompt=False)


def _plan(
    column: Column, turn: Turn, earlier: Sequence[Turn], values: Mapping[str, str], longest: int | None, *, attempt: int
) -> Planned:
    system = variables.filled(column.system, values)
    answer = Answer(
        turn=turn,
        column=column.key,
        attempt=attempt,
        route=column.route,
        system=system,
        parameters=column.parameters,
    )
    return Planned(answer, column, body(column, messages(column, earlier, turn.prompt, system), longest))


def _refuse_while_answering(session: Session) -> None:
    answers = Answer.objects.filter(turn__session=session)
    if answers.filter(state=Answer.State.RUNNING).exists():
        interrupt_the_silent(answers)
        if answers.filter(state=Answer.State.RUNNING).exists():
            raise StillAnswering(
                "This session is answering already, perhaps in another tab. Wait until it is done, or stop it."
            )
