"""Every state × verb × person, made from the table itself: what it allows happens, everything else is refused, by the
code and once more by the database."""

import itertools
from pathlib import Path

import pgtrigger
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from access.asking import request_access
from access.granting import revoke
from access.models import Grant
from approvals.diagram import described
from approvals.expiring import expire, lapse
from approvals.models import Decision, Request, Review, Vote
from approvals.sending import send
from approvals.states import APPROVED_STATES, END_STATES, LIVING_STATES, TABLE, UNDECIDED_STATES, State, Verb
from approvals.suspending import resume, suspend
from approvals.voting import vote
from approvals.withdraw import withdraw
from audit.models import Entry
from audit.record import SYSTEM, Actor
from catalog.models import Route
from refusals.errors import Conflict, Forbidden, Missing, Refusal
from tenants.models import User
from tests.cast import Cast, route

# Who is who: how the table calls them, and what they may at best.
PEOPLE = {
    "requester": "dev",
    "seated": "rita",
    "colleague": "olivia",
    "reader": "vera",
    "platform": "pat",
    "auditor": "ada",
    "stranger": "greta",
    "newcomer": "ned",
    "clock": "",
}
MAY = {"quorum": "seated", "requester": "requester", "platform": "platform", "clock": "clock", "end": "clock"}
CONCERNED = {"requester", "colleague", "platform"}  # the colleague decides for the tenant
HIDDEN = {"stranger", "newcomer"}
VOTES = {Verb.APPROVE, Verb.APPROVE_WITH_CONDITIONS, Verb.REFUSE, Verb.SEND_BACK}
OF_THE_CLOCK = {Verb.EXPIRE, Verb.LAPSE}
OF_THE_ENGINE = {Verb.OPEN, Verb.SUPERSEDE}  # parts of another verb: nobody says them
SAID = [verb for verb in Verb if verb not in OF_THE_ENGINE]


def say(verb: Verb, request: Request, by: User | Actor) -> None:
    """The verb as `by` says it."""
    if verb in VOTES:
        verdict = "approve" if verb is Verb.APPROVE_WITH_CONDITIONS else verb.value
        conditions = {"max_answers": 1} if verb is Verb.APPROVE_WITH_CONDITIONS else None
        review = request.reviews.order_by("-round")[0]
        vote(review=review, verdict=verdict, comment="Because.", conditions=conditions, by=by)  # type: ignore[arg-type]
    elif verb in (Verb.SUSPEND, Verb.RESUME, Verb.RESUME_WITH_CONDITIONS):
        (suspend if verb is Verb.SUSPEND else resume)(request=request, reason="Because.", by=by)  # type: ignore[arg-type]
    else:
        {Verb.SEND: send, Verb.WITHDRAW: withdraw, Verb.EXPIRE: expire, Verb.LAPSE: lapse}[verb](request=request, by=by)  # type: ignore[operator]


def replace(request: Request, cast: Cast) -> None:
    """Ask for the same anew, as its grant was revoked, and approve that."""
    for given in Grant.objects.in_force():
        revoke(grant=given, by=cast.pat, reason="x")
    newer = request_access(environment=cast.environment(), route=Route.objects.get(), purpose="y", by=cast.dev)
    vote(review=newer.reviews.get(), verdict="approve", comment="ok", by=cast.rob)


def end_validity(request: Request) -> None:
    """Let what the request was approved for have ended a moment ago; no verb can."""
    past = timezone.now()
    with pgtrigger.ignore("approvals.Decision:frozen"):
        Decision.objects.filter(request=request).update(valid_until=past)
    Grant.objects.filter(decision__request=request).update(expires_at=past)


def way_to(state: State) -> list[Verb]:
    """The shortest way from a draft to `state`."""
    ways: dict[State, list[Verb]] = {State.DRAFT: []}
    waiting = [State.DRAFT]
    while waiting:
        here = waiting.pop(0)
        for (start, verb), transition in TABLE.items():
            if start is here and transition.to not in ways:
                ways[transition.to] = [*ways[here], verb]
                waiting.append(transition.to)
    return ways[state]


def bring_to(state: State, cast: Cast, *, way: list[Verb] | None = None) -> Request:
    """A request in `state`, brought there by the verbs that lead to it."""
    request = request_access(environment=cast.environment(), route=route(), purpose="x", is_draft=True, by=cast.dev)
    if state is State.SUBMITTED:  # it lasts as long as the sending: nobody ever finds a request in it
        Request.objects.update(state=state, sent_at=timezone.now(), decided_under={"mode": "platform"})
        request.refresh_from_db()
        way = []
    for verb in way_to(state) if way is None else way:
        who = {"requester": cast.dev, "platform": cast.pat, "clock": SYSTEM, "end": SYSTEM}
        if verb is Verb.SUPERSEDE:
            replace(request, cast)
        elif verb is not Verb.OPEN:
            if verb is Verb.LAPSE:
                end_validity(request)
            speaker = next(step.who for (_, said), step in TABLE.items() if said is verb)
            say(verb, request, cast.rob if verb in VOTES else who[speaker])
        request.refresh_from_db()
    assert request.state == state
    return request


def expected(state: State, verb: Verb, who: str) -> type[Refusal] | None:
    """None where the verb succeeds; who may is asked before when it may."""
    speakers = {transition.who for (_, said), transition in TABLE.items() if said is verb} - {"sending"}
    unseen = {State.DRAFT: set(PEOPLE) - {"requester"}, State.SUBMITTED: {"seated"}}.get(state, set())
    if verb not in OF_THE_CLOCK and who in HIDDEN | unseen:
        return Missing
    said = TABLE.get((state, verb))
    may = CONCERNED if said and said.who == "concerned" else {MAY[speaker] for speaker in speakers - {"concerned"}}
    if who not in may:
        return Forbidden
    return None if (state, verb) in TABLE else Conflict


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(State, SAID)))
def test_the_table_is_the_whole_truth(cast: Cast, state: State, verb: Verb) -> None:
    conditional = [Verb.SEND, Verb.APPROVE_WITH_CONDITIONS, Verb.SUSPEND]
    way = conditional if (state, verb) == (State.SUSPENDED, Verb.RESUME_WITH_CONDITIONS) else None
    request = bring_to(state, cast, way=way)
    if verb in VOTES and not request.reviews.exists():
        assert state in (State.DRAFT, State.SUBMITTED, State.WITHDRAWN), "nobody is asked, so nobody can vote"
        return
    if verb is Verb.LAPSE and state in LIVING_STATES:
        end_validity(request)
    for who, name in PEOPLE.items():
        if who == "clock" and verb not in OF_THE_CLOCK:
            continue  # the clock has its own verbs
        with transaction.atomic():  # each person finds the request as it was
            check(cast, request, verb, who, getattr(cast, name) if name else SYSTEM)
            transaction.set_rollback(True)


def check(cast: Cast, request: Request, verb: Verb, who: str, by: User | Actor) -> None:
    """That the verb by this person does what the table says, and nothing else."""
    state = State(request.state)
    entries, grants = Entry.objects.count(), Grant.objects.count()
    wanted = expected(state, verb, who)
    if request.sent_at is None and state is State.WITHDRAWN and who != "requester" and verb not in OF_THE_CLOCK:
        wanted = Missing  # a draft that was thrown away stays its author's
    if wanted is None:
        before = Entry.objects.filter(verb=TABLE[state, verb].audit, subject_id=str(request.pk)).count()
        say(verb, request, by)
        transition = TABLE[state, verb]
        leads_to = State.IN_REVIEW if transition.to is State.SUBMITTED else transition.to  # the stage opens at once
        now = Request.objects.get(pk=request.pk)
        assert now.state == leads_to, who
        assert (now.closed_at is None) == (leads_to in UNDECIDED_STATES)
        assert Entry.objects.filter(verb=transition.audit, subject_id=str(request.pk)).count() == before + 1
        assert Grant.objects.in_force().count() == (1 if leads_to in APPROVED_STATES else 0)
    else:
        with pytest.raises(wanted):
            say(verb, request, by)
        assert Request.objects.get(pk=request.pk).state == state, who
        assert (Entry.objects.count(), Grant.objects.count()) == (entries, grants), who


@pytest.mark.parametrize("state", State)
def test_the_database_refuses_each_step_that_the_table_does_not_have(cast: Cast, state: State) -> None:
    request = bring_to(state, cast)
    steps = {(start.value, transition.to.value) for (start, _), transition in TABLE.items()}
    for to in State:
        if to is state or (state.value, to.value) in steps:
            continue
        closed = None if to in UNDECIDED_STATES else timezone.now()
        with pytest.raises(DatabaseError, match=r"Invalid transition|Nobody|quorum"), transaction.atomic():
            Request.objects.filter(pk=request.pk).update(state=to, closed_at=closed)
    assert (state.value in END_STATES) == (not any(start == state.value for start, _ in steps))


@pytest.mark.parametrize("to", ["approved", "approved_with_conditions", "refused", "sent_back"])
def test_the_database_refuses_an_outcome_that_nobody_voted_for(cast: Cast, to: str) -> None:
    request = bring_to(State.IN_REVIEW, cast)
    request.reviews.update(outcome="approved")
    closed = None if to == "sent_back" else timezone.now()
    with pytest.raises(DatabaseError, match=r"quorum|Nobody"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(state=to, closed_at=closed)
    assert Request.objects.get(pk=request.pk).state == "in_review"


def test_the_database_refuses_an_approval_with_a_stage_that_has_not_approved(cast: Cast) -> None:
    request = bring_to(State.IN_REVIEW, cast)
    Vote.objects.create(review=request.reviews.get(), voter=cast.rita, verdict="approve", comment="ok")
    Review.objects.create(request=request, position=2, board=cast.risk, quorum=1)
    with pytest.raises(DatabaseError, match="quorum"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(state="approved", closed_at=timezone.now())


def test_the_database_refuses_a_request_that_begins_decided(cast: Cast) -> None:
    with pytest.raises(DatabaseError, match="Cannot insert"), transaction.atomic():
        Request.objects.create(
            number=7, subject_kind="access", subject_key="x", title="x", reason="x", requester=cast.dev,
            state="approved", sent_at=timezone.now(), closed_at=timezone.now(), decided_under={"mode": "tenant"},
        )  # fmt: skip


def test_the_database_refuses_a_vote_of_who_asked_and_a_vote_that_is_changed(cast: Cast) -> None:
    review = bring_to(State.IN_REVIEW, cast).reviews.get()
    with pytest.raises(DatabaseError, match="Nobody votes on what they asked for"), transaction.atomic():
        Vote.objects.create(review=review, voter=cast.dev, verdict="approve", comment="Mine")
    Vote.objects.create(review=review, voter=cast.rita, verdict="refuse", comment="No")
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Vote.objects.update(verdict="approve")


def test_the_document_shows_the_table_as_it_is() -> None:
    document = Path(__file__).resolve().parents[2] / "docs/states.md"
    assert document.read_text() == described(), "run: python manage.py states"
