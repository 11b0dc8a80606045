"""Every state × verb × person, made from the table itself: what it allows happens, everything else is refused."""

import itertools
from pathlib import Path

import pytest
from django.db import transaction

from access.asking import request_access
from access.models import Grant
from approvals.diagram import described
from approvals.expiring import expire
from approvals.models import Request
from approvals.states import TABLE, State, Verb
from approvals.voting import vote
from approvals.withdraw import withdraw
from audit.models import Entry
from audit.record import SYSTEM, Actor
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
MAY = {"quorum": "seated", "requester": "requester", "clock": "clock"}
HIDDEN = {"stranger", "newcomer"}


def say(verb: Verb, request: Request, by: User | Actor) -> None:
    """The verb as `by` says it."""
    if verb is Verb.WITHDRAW:
        withdraw(request=request, by=by)  # type: ignore[arg-type]
    elif verb is Verb.EXPIRE:
        expire(request=request, by=by)
    else:
        vote(review=request.reviews.get(), verdict=verb.value, comment="Because.", by=by)  # type: ignore[arg-type]


def bring_to(state: State, cast: Cast) -> Request:
    """A request in `state`, brought there by the one verb that leads to it."""
    request = request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.dev)
    for (start, verb), transition in TABLE.items():
        if start is State.IN_REVIEW and transition.to is state:
            say(verb, request, {"quorum": cast.rob, "requester": cast.dev, "clock": SYSTEM}[transition.who])
            break
    request.refresh_from_db()
    assert request.state == state
    return request


def expected(state: State, verb: Verb, who: str) -> type[Refusal] | None:
    """None where the verb succeeds; who may is asked before when it may."""
    speakers = {transition.who for (_, said), transition in TABLE.items() if said is verb}
    if who in HIDDEN and verb is not Verb.EXPIRE:
        return Missing
    if who not in {MAY[speaker] for speaker in speakers}:
        return Forbidden
    return None if (state, verb) in TABLE else Conflict


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(State, Verb)))
def test_the_table_is_the_whole_truth(cast: Cast, state: State, verb: Verb) -> None:
    request = bring_to(state, cast)
    for who, name in PEOPLE.items():
        if who == "clock" and verb is not Verb.EXPIRE:
            continue  # the clock has one verb
        with transaction.atomic():  # each person finds the request as it was
            check(cast, request, verb, who, getattr(cast, name) if name else SYSTEM)
            transaction.set_rollback(True)


def check(cast: Cast, request: Request, verb: Verb, who: str, by: User | Actor) -> None:
    """That the verb by this person does what the table says, and nothing else."""
    state = State(request.state)
    entries, grants = Entry.objects.count(), Grant.objects.count()
    wanted = expected(state, verb, who)
    if wanted is None:
        say(verb, request, by)
        transition = TABLE[state, verb]
        now = Request.objects.get(pk=request.pk)
        assert now.state == transition.to, who
        assert Entry.objects.filter(verb=transition.audit, subject_id=str(request.pk)).count() == 1
        assert Grant.objects.in_force().count() == (1 if transition.to is State.APPROVED else 0)
    else:
        with pytest.raises(wanted):
            say(verb, request, by)
        assert Request.objects.get(pk=request.pk).state == state, who
        assert (Entry.objects.count(), Grant.objects.count()) == (entries, grants), who


def test_the_document_shows_the_table_as_it_is() -> None:
    document = Path(__file__).resolve().parents[2] / "docs/states.md"
    assert document.read_text() == described(), "run: python manage.py states"
