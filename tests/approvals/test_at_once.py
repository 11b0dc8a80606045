"""People who act at the same instant: one decision, every vote answered, no gap in numbers, nobody waits for ever."""

import datetime as dt
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pgtrigger
import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from access.asking import request_access
from access.granting import grant, revoke
from access.models import Grant
from approvals.boards import create_board, seat, unseat
from approvals.expiring import OPEN_FOR, expire_overdue
from approvals.models import Decision, Request, Review, Revision, Seat, Vote
from approvals.policies import change_policy
from approvals.sending import send
from approvals.voting import vote
from approvals.withdraw import withdraw
from audit.models import Entry
from refusals.errors import Refusal
from tenants.memberships import add_member, remove_member
from tenants.models import Membership, Project
from tenants.scope import everything
from tenants.structure import create_project
from tests.cast import Cast, person, route


def at_once(*deeds: Callable[[], object]) -> list[str]:
    """Run all deeds in threads that begin together; the code of the refusal of each, or "done"."""
    start = Barrier(len(deeds))

    @everything("a deed of a test")
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


def test_a_request_decided_at_that_moment_does_not_keep_the_others_from_expiring(house: Cast) -> None:
    for number in range(3):
        request_access(environment=house.environment(), route=route(f"r{number}"), purpose="x", by=house.dev)
    long_ago = timezone.now() - OPEN_FOR - dt.timedelta(days=1)
    Request.objects.update(sent_at=long_ago)
    Review.objects.update(opened_at=long_ago)
    newest = Request.objects.order_by("-number")[0]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            vote(review=newest.reviews.get(), verdict="refuse", comment="No.", by=house.rita)
            counted = pool.submit(everything("a job")(lambda: (expire_overdue(), connection.close())[0]))
            wait_for_a_lock()
        assert counted.result(timeout=10) == 2
    states = Request.objects.order_by("number").values_list("state", flat=True)
    assert list(states) == ["expired", "expired", "refused"]


def test_a_request_sent_again_at_that_moment_does_not_expire(house: Cast) -> None:
    asked = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
    vote(review=asked.reviews.get(), verdict="send_back", comment="Which?", by=house.rita)
    long_ago = timezone.now() - OPEN_FOR - dt.timedelta(days=1)
    Request.objects.update(sent_at=long_ago)
    Review.objects.update(opened_at=long_ago)
    with pgtrigger.ignore("approvals.Revision:frozen"):
        Revision.objects.update(sent_back_at=long_ago)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            send(request=asked, by=house.dev)
            counted = pool.submit(everything("a job")(lambda: (expire_overdue(), connection.close())[0]))
            wait_for_a_lock()
        assert counted.result(timeout=10) == 0
    asked.refresh_from_db()
    assert (asked.state, asked.round) == ("in_review", 2)


def wait_for_a_lock() -> None:
    """Until another connection waits for what this one has locked."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


def test_of_two_members_who_leave_at_once_the_one_whom_a_review_needs_stays(house: Cast) -> None:
    request = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
    change_policy(
        subject_kind="access", sentence="Legal.", stages=[{"board": house_of(house), "quorum": 1}], by=house.pat
    )
    told = at_once(
        lambda: unseat(board=house.risk, user=house.rita, by=house.pat),
        lambda: unseat(board=house.risk, user=house.rob, by=house.pat),
    )
    assert sorted(told) == ["done", "seat_needed"]
    left = Seat.objects.get(board=house.risk).user
    assert vote(review=request.reviews.get(), verdict="approve", comment="ok", by=left)


def house_of(house: Cast) -> str:
    """Another board, so that no policy in force asks the risk board any more."""
    legal = create_board(slug="legal", name="Legal board", by=house.pat)
    seat(board=legal, user=house.ned, by=house.pat)
    return legal.slug


def test_a_member_made_the_last_owner_at_that_moment_is_not_removed(house: Cast) -> None:
    seen = Membership.objects.get(tenant=house.acme, user=house.dev)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add_member(tenant=house.acme, user=house.dev, role="owner", by=house.olivia)
            add_member(tenant=house.acme, user=house.olivia, role="viewer", by=house.olivia)
            told = pool.submit(at_once, lambda: remove_member(membership=seen, by=house.pat))
            wait_for_a_lock()
        assert told.result(timeout=10) == ["role_changed"]
    assert Membership.objects.filter(tenant=house.acme, role="owner").count() == 1


def test_a_member_who_is_removed_twice_at_once_is_removed_once(house: Cast) -> None:
    seen = Membership.objects.get(tenant=house.acme, user=house.dev)
    assert at_once(*[lambda: remove_member(membership=seen, by=house.olivia)] * 3) == ["done"] * 3
    assert Entry.objects.filter(verb="membership.removed").count() == 1


def test_an_admin_who_adds_somebody_does_not_unmake_the_owner_they_have_just_become(house: Cast) -> None:
    add_member(tenant=house.acme, user=house.vera, role="admin", by=house.olivia)
    client = Client()
    client.force_login(house.vera)

    def add() -> str:
        try:
            given = {"tenant": "acme", "person": "ned", "role": "viewer"}
            answer = client.post("/api/memberships/", given, content_type="application/json")
            return str(answer.json().get("code"))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add_member(tenant=house.acme, user=house.ned, role="owner", by=house.olivia)
            told = pool.submit(add)
            wait_for_a_lock()
        assert told.result(timeout=10) == "member_already"
    assert Membership.objects.get(tenant=house.acme, user=house.ned).role == "owner"
