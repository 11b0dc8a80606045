"""People who act at the same instant: one decision, every vote answered, no gap in numbers, nobody waits for ever."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from access.asking import request_access
from access.granting import grant, revoke
from access.models import Grant
from approvals.boards import create_board
from approvals.models import Decision, Request, Seat, Vote
from approvals.policies import change_policy
from approvals.voting import vote
from approvals.withdraw import withdraw
from audit.models import Entry
from refusals.errors import Refusal
from tenants.memberships import add_member
from tenants.models import Project
from tenants.structure import create_project
from tests.cast import Cast, person, route


def at_once(*deeds: Callable[[], object]) -> list[str]:
    """Run all deeds in threads that begin together; the code of the refusal of each, or "done"."""
    start = Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> str:
        try:
            start.wait()
            deed()
            return "done"
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


@pytest.fixture
def house(transactional_db: None) -> Cast:
    return Cast.create()


def test_many_voters_make_one_decision_and_one_grant(house: Cast) -> None:
    voters = [person(f"voter{number}") for number in range(10)]
    Seat.objects.bulk_create(Seat(board=house.risk, user=voter) for voter in voters)
    change_policy(subject_kind="access", sentence="Three.", stages=[{"board": "risk", "quorum": 3}], by=house.pat)
    request = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
    review = request.reviews.get()
    told = at_once(
        *(lambda v=voter: vote(review=review, verdict="approve", comment="ok", by=v) for voter in voters)  # type: ignore[misc]
    )
    assert sorted(told) == ["done"] * 3 + ["transition_not_possible"] * 7
    assert (Decision.objects.count(), Grant.objects.count(), Vote.objects.count()) == (1, 1, 3)


def test_one_person_in_two_tabs_votes_once(house: Cast) -> None:
    change_policy(subject_kind="access", sentence="Two.", stages=[{"board": "risk", "quorum": 2}], by=house.pat)
    request = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
    review = request.reviews.get()
    told = at_once(*[lambda: vote(review=review, verdict="approve", comment="ok", by=house.rita)] * 4)
    assert sorted(told) == ["done"] + ["voted_already"] * 3
    request.refresh_from_db()
    assert request.state == "in_review"


def test_the_last_vote_and_the_withdrawal_at_the_same_instant_leave_one_outcome(house: Cast) -> None:
    for number in range(6):
        request = request_access(environment=house.environment(), route=route(f"r{number}"), purpose="x", by=house.dev)
        review = request.reviews.get()
        told = at_once(
            lambda r=review: vote(review=r, verdict="approve", comment="ok", by=house.rita),  # type: ignore[misc]
            lambda r=request: withdraw(request=r, by=house.dev),  # type: ignore[misc]
        )
        request.refresh_from_db()
        assert sorted(told) == ["done", "transition_not_possible"]
        assert request.state == ("approved" if told[0] == "done" else "withdrawn")
        assert Grant.objects.filter(route__slug=f"r{number}").count() == (1 if told[0] == "done" else 0)
        kinds = {"request.approved", "request.withdrawn"}
        assert Entry.objects.filter(subject_id=str(request.pk), verb__in=kinds).count() == 1


def test_requests_sent_together_have_numbers_without_a_gap(house: Cast) -> None:
    wanted = [route(f"r{number}") for number in range(8)]
    told = at_once(
        *(
            lambda r=one: request_access(environment=house.environment(), route=r, purpose="x", by=house.dev)  # type: ignore[misc]
            for one in wanted
        )
    )
    assert told == ["done"] * 8
    assert sorted(Request.objects.values_list("number", flat=True)) == list(range(1, 9))


def test_the_same_asked_together_is_asked_once(house: Cast) -> None:
    made, environment = route(), house.environment()
    told = at_once(*[lambda: request_access(environment=environment, route=made, purpose="x", by=house.dev)] * 5)
    assert sorted(told) == ["done"] + ["open_request_exists"] * 4


def test_votes_grants_revocations_and_new_members_do_not_wait_for_one_another(house: Cast) -> None:
    environment = house.environment()
    for number in range(5):
        made = route(f"r{number}")
        request = request_access(environment=environment, route=made, purpose="x", by=house.dev)
        given = grant(environment=environment, route=made, by=house.pat)
        review, joiner = request.reviews.get(), person(f"joiner{number}")
        told = at_once(
            lambda r=review: vote(review=r, verdict="approve", comment="ok", by=house.rita),  # type: ignore[misc]
            lambda g=given: revoke(grant=g, by=house.pat, reason="x"),  # type: ignore[misc]
            lambda j=joiner: add_member(tenant=house.acme, user=j, role="developer", by=house.olivia),  # type: ignore[misc]
        )
        assert told[0] == told[2] == "done"
        assert told[1] in {"done", "revoked_already"}
        assert Grant.objects.in_force().filter(route=made).count() == 1


def test_of_two_who_create_the_same_project_or_board_the_second_is_told_that_it_is_taken(house: Cast) -> None:
    told = at_once(
        *(lambda: create_project(tenant=house.acme, slug="new", name="New", by=house.olivia) for _ in range(4))
    )
    assert sorted(told) == ["done"] + ["slug_taken"] * 3
    assert Project.objects.filter(slug="new").count() == 1
    told = at_once(*(lambda: create_board(slug="ethics", name="Ethics", by=house.pat) for _ in range(4)))
    assert sorted(told) == ["board_exists"] * 3 + ["done"]


def test_a_comment_sent_by_two_clicks_at_once_is_said_once(house: Cast) -> None:
    asked = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
    client = Client()
    client.force_login(house.dev)

    def send() -> None:
        again = Client()
        again.cookies = client.cookies
        again.post(f"/requests/{asked.number}/comment/", {"text": "Please", "once": "one-press"})

    assert at_once(send, send) == ["done", "done"]
    assert asked.comments.filter(text="Please").count() == 1
