"""Histories of people who ask, vote, send back, leave and change the rules, while time goes by: whatever they do, no
request is in a state that it has no way to, none is decided without its quorum, nobody decides on what they asked for,
and what an approval brings about comes about once.

Hypothesis chooses who does what; a refusal is an answer, a fault is none. As it runs here it is short and the same each
time. `HISTORIES=2000 pytest tests/approvals/test_histories.py` makes that many new ones.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from random import randrange

import pgtrigger
import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from approvals import subjects
from approvals.boards import create_board, seat, unseat
from approvals.expiring import OPEN_FOR, expire_overdue, lapse_ended, standing_still_since
from approvals.models import Board, Comment, Decision, Request, Review, Revision, Vote
from approvals.policies import change_policy
from approvals.sending import change, send
from approvals.states import APPROVED_STATES, LIVING_STATES, TABLE, UNDECIDED_STATES, State
from approvals.subjects import SubjectKind, register
from approvals.submit import submit
from approvals.suspending import resume, suspend
from approvals.voting import vote
from approvals.withdraw import withdraw
from audit.models import Entry
from audit.record import SYSTEM
from refusals import Refusal
from tenants.models import User
from tests.cast import Cast, person

LONG = int(os.environ.get("HISTORIES", "0"))
SHORT = settings(
    max_examples=25, stateful_step_count=25, phases=[Phase.generate], deadline=None, database=None,
    suppress_health_check=list(HealthCheck), print_blob=False,
)  # fmt: skip
EFFECT = "The effect came about."
KIND = "history"
NAMES = ("dev", "olivia", "rita", "rob", "lea", "leo", "pat", "ned", "greta")
PEOPLE, PICK = st.sampled_from(NAMES), st.integers(0, 5)
VERDICTS = st.sampled_from(["approve", "approve", "approve", "refuse", "send_back"])
STAGES = (
    [{"board": "risk", "quorum": 1}],
    [{"board": "risk", "quorum": 2}],
    [{"board": "risk", "quorum": 1}, {"board": "legal", "quorum": "all", "beside": True, "veto": "nobody"}],
    [{"board": "legal", "quorum": 1, "veto": ["lea"]}, {"board": "risk", "quorum": "all"}],
)


def effect(request: Request, decision: Decision, by: User) -> None:
    """Leaves a row for each time that it came about."""
    Comment.objects.create(request=request, author=by, text=EFFECT)


class Histories(RuleBasedStateMachine):
    """One history, undone at its end."""

    def __init__(self, people: dict[str, User]) -> None:
        super().__init__()
        self.people = people
        self.states: dict[int, str] = {}
        self.undone = transaction.atomic()
        self.undone.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def tries(self, deed: Callable[[], object]) -> None:
        """Do it; a refusal changes nothing, not even the audit."""
        entries = Entry.objects.count()
        try:
            with transaction.atomic():
                deed()
        except Refusal:
            assert Entry.objects.count() == entries

    def picked(self, pick: int) -> Request | None:
        rows = list(Request.objects.order_by("-number")[: pick + 1])
        return rows[-1] if rows else None

    @rule(who=PEOPLE, key=st.integers(0, 2), is_draft=st.booleans())
    def asks(self, who: str, key: int, is_draft: bool) -> None:
        self.tries(
            lambda: submit(
                subject_kind=KIND, subject_key=f"s{key}", title=f"Subject {key}", reason="Needed", is_draft=is_draft,
                by=self.people[who],
            )
        )  # fmt: skip

    @rule(who=PEOPLE, pick=PICK, verdict=VERDICTS, turn=st.integers(0, 1))
    def votes(self, who: str, pick: int, verdict: str, turn: int) -> None:
        if (request := self.picked(pick)) and (reviews := list(request.reviews.order_by("-round", "position"))):
            review, by = reviews[min(turn, len(reviews) - 1)], self.people[who]
            self.tries(lambda: vote(review=review, verdict=verdict, comment="So.", by=by))

    @rule(pick=PICK, own=st.booleans(), who=PEOPLE, verb=st.sampled_from([send, withdraw, "change"]))
    def goes_on(self, pick: int, own: bool, who: str, verb: Callable[..., object] | str) -> None:
        if request := self.picked(pick):
            by = request.requester if own else self.people[who]
            if isinstance(verb, str):
                self.tries(lambda: change(request=request, reason="Other words", by=by))
            else:
                self.tries(lambda: verb(request=request, by=by))

    @rule(pick=PICK, who=st.sampled_from(["pat", "pat", "dev", "rita"]), verb=st.sampled_from([suspend, resume]))
    def stops_or_resumes(self, pick: int, who: str, verb: Callable[..., object]) -> None:
        if request := self.picked(pick):
            self.tries(lambda: verb(request=request, reason="So.", by=self.people[who]))

    @rule(stages=st.sampled_from(STAGES), days=st.sampled_from([None, 30]))
    def changes_the_policy(self, stages: list[dict[str, object]], days: int | None) -> None:
        self.tries(
            lambda: change_policy(subject_kind=KIND, sentence="So.", stages=stages, validity_days=days, by=SYSTEM)
        )

    @rule(who=PEOPLE, board=st.sampled_from(["risk", "legal"]), sits=st.booleans())
    def sits_down_or_leaves(self, who: str, board: str, sits: bool) -> None:
        found = Board.objects.get(slug=board)
        self.tries(lambda: (seat if sits else unseat)(board=found, user=self.people[who], by=SYSTEM))

    @rule(days=st.sampled_from([10, 40, 100]))
    def time_goes_by(self, days: int) -> None:
        """Everything lies so much longer ago; then the clock's jobs run."""
        by = dt.timedelta(days=days)
        for row in Request.objects.exclude(sent_at=None):
            Request.objects.filter(pk=row.pk).update(sent_at=row.sent_at - by if row.sent_at else None)
        Review.objects.update(opened_at=F("opened_at") - by)
        with pgtrigger.ignore("approvals.Revision:frozen"):
            Revision.objects.update(sent_back_at=F("sent_back_at") - by)
        with pgtrigger.ignore("approvals.Decision:frozen"):
            for decision in Decision.objects.exclude(valid_until=None):
                Decision.objects.filter(pk=decision.pk).update(valid_until=(decision.valid_until or by) - by)  # type: ignore[operator]
        expire_overdue()
        lapse_ended()
        assert not standing_still_since(timezone.now() - OPEN_FOR).exists()

    @invariant()
    def every_state_was_reached_by_the_table(self) -> None:
        for number, state in Request.objects.values_list("number", "state"):
            assert state in reachable(self.states.get(number)), (number, self.states.get(number), state)
            self.states[number] = state

    @invariant()
    def nothing_is_decided_without_its_quorum_or_by_who_asked(self) -> None:
        for request in Request.objects.filter(state__in=(*LIVING_STATES, State.SUPERSEDED)):
            reviews = list(request.reviews.filter(round=request.round))
            assert reviews
            for review in reviews:
                assert review.outcome == "approved"
                assert review.votes.filter(verdict="approve").count() >= review.quorum
        for cast in Vote.objects.select_related("review__request"):
            assert cast.voter_id != cast.review.request.requester_id

    @invariant()
    def every_effect_came_about_once(self) -> None:
        for request in Request.objects.all():
            approved = Decision.objects.filter(request=request, outcome="approved").count()
            assert request.comments.filter(text=EFFECT).count() == approved
            assert approved == 1 or request.state not in (*APPROVED_STATES, *LIVING_STATES)

    @invariant()
    def one_is_open_and_one_holds(self) -> None:
        for key in ("s0", "s1", "s2"):
            rows = Request.objects.filter(subject_key=key)
            assert rows.filter(state__in=UNDECIDED_STATES).exclude(state="draft").count() <= 1
            assert rows.filter(state__in=LIVING_STATES).count() <= 1

    @invariant()
    def what_is_in_review_can_be_decided(self) -> None:
        for request in Request.objects.filter(state="in_review"):
            assert request.reviews.filter(round=request.round, outcome="open").exists()
        assert not Request.objects.exclude(state="in_review").filter(reviews__outcome__in=("open", "waiting")).exists()


def reachable(before: str | None) -> set[str]:
    """The states in which a request may be after some deeds of one rule: None where it is new."""
    found = {"draft", "submitted"} if before is None else {before}
    while True:
        more = {step.to.value for (start, _), step in TABLE.items() if start.value in found} - found
        if not more:
            return found
        found |= more


@pytest.fixture
def people(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> dict[str, User]:
    monkeypatch.setattr(subjects, "_kinds", dict(subjects._kinds))  # the kind of here is known to nobody else
    legal = create_board(slug="legal", name="Legal board", by=SYSTEM)
    for name in ("lea", "leo"):
        seat(board=legal, user=person(name), by=SYSTEM)
    register(
        SubjectKind(
            slug=KIND, name="A history", effect="It came about.", on_approved=effect,
            on_suspended=lambda request, decision, by, reason: None, on_resumed=lambda request, decision, by: None,
            ends_with_validity=True,
        )
    )  # fmt: skip
    change_policy(subject_kind=KIND, sentence="So.", stages=STAGES[0], by=SYSTEM)
    return {name: User.objects.get(username=name) for name in NAMES}


def test_short_histories_that_are_the_same_each_time(people: dict[str, User]) -> None:
    run_state_machine_as_test(seed(1)(lambda: Histories(people)), settings=SHORT)


@pytest.mark.skipif(not LONG, reason="HISTORIES says how many new ones")
def test_new_histories(people: dict[str, User]) -> None:
    for _ in range(0, LONG, 25):
        number = randrange(2**32)
        print(f"seed {number}")
        run_state_machine_as_test(seed(number)(lambda: Histories(people)), settings=SHORT)
