"""From a request to a decision: stages, quorum, refusals, effects, and what the frozen record holds."""

import pytest

from access.asking import request_access
from access.models import Grant
from approvals import policies
from approvals.boards import SeatNeeded, create_board, seat, unseat
from approvals.commenting import comment
from approvals.models import Decision, Request, Review, Vote
from approvals.sealing.canonical import hash_of
from approvals.sealing.verifying import verify
from approvals.sending import NotTheRequester
from approvals.stage_rules import UnfitStage
from approvals.stages import BoardTooSmall
from approvals.submit import OpenRequestExists, ReasonMissing, submit
from approvals.transitions import NotPossible
from approvals.voting import CommentMissing, NotSeated, NotTheirTurn, OwnRequest, VotedAlready, vote
from approvals.withdraw import withdraw
from audit.models import Entry
from audit.record import SYSTEM
from refusals.errors import Missing
from tenants.activation import deactivate
from tenants.models import Notification
from tests.cast import Cast, person, route


def ask(cast: Cast, kind: str = "production", slug: str = "echo-model") -> Request:
    from catalog.models import Route

    wanted = Route.objects.filter(slug=slug).first() or route(slug)
    return request_access(
        environment=cast.environment(kind), route=wanted, purpose="Answer customers faster", by=cast.dev
    )


def review(request: Request, position: int = 1) -> Review:
    return request.reviews.get(position=position)


def test_it_works(cast: Cast) -> None:
    request = ask(cast)
    assert request.title == "Support asks to use Echo Model in production"
    vote(review=review(request), verdict="approve", comment="Fits.", by=cast.rita)
    request.refresh_from_db()
    assert request.state == "approved"
    grant = Grant.objects.in_force().get()
    assert (grant.environment, grant.route.slug) == (cast.environment("production"), "echo-model")
    assert grant.decision == request.decision
    verbs = Entry.objects.order_by("day", "sequence").values_list("verb", flat=True)
    assert list(verbs)[-4:] == ["request.submitted", "vote.cast", "request.approved", "grant.given"]


def test_voters_and_then_the_requester_are_told(cast: Cast) -> None:
    request = ask(cast)
    told = Notification.objects.filter(path=request.get_absolute_url())
    assert {n.user.username for n in told} == {"rita", "rob"}
    vote(review=review(request), verdict="refuse", comment="Use the smaller one.", by=cast.rob)
    note = Notification.objects.get(user=cast.dev)
    assert note.title.startswith("Refused: Support asks")
    assert note.body == "Use the smaller one."


def test_a_refusal_refuses_at_once_and_gives_nothing(cast: Cast) -> None:
    request = ask(cast)
    vote(review=review(request), verdict="refuse", comment="No.", by=cast.rita)
    request.refresh_from_db()
    assert request.state == "refused"
    assert not Grant.objects.exists()
    assert Decision.objects.get().outcome == "refused"


def test_after_a_refusal_the_same_may_be_asked_again(cast: Cast) -> None:
    vote(review=review(ask(cast)), verdict="refuse", comment="Not yet.", by=cast.rita)
    assert ask(cast).number == 2


def test_one_open_request_a_subject_and_the_second_is_led_to_it(cast: Cast) -> None:
    first = ask(cast)
    with pytest.raises(OpenRequestExists) as refused:
        ask(cast)
    assert refused.value.way_out == first.get_absolute_url()
    ask(cast, kind="test")


def test_stages_open_one_after_another(cast: Cast) -> None:
    legal = create_board(slug="legal", name="Legal board", by=SYSTEM)
    lea = person("lea")
    seat(board=legal, user=lea, by=SYSTEM)
    policies.change_policy(
        subject_kind="access",
        environment_kind="production",
        sentence="Production is decided by legal after risk.",
        stages=[{"board": "risk", "quorum": 2}, {"board": "legal", "quorum": 1}],
        validity_days=30,
        by=cast.pat,
    )
    request = ask(cast)
    with pytest.raises(NotTheirTurn):
        vote(review=review(request, 2), verdict="approve", comment="ok", by=lea)
    vote(review=review(request), verdict="approve", comment="ok", by=cast.rita)
    request.refresh_from_db()
    assert (request.state, review(request).outcome) == ("in_review", "open")
    vote(review=review(request), verdict="approve", comment="ok", by=cast.rob)
    assert review(request, 2).outcome == "open"
    assert Notification.objects.filter(user=lea).count() == 1
    vote(review=review(request, 2), verdict="approve", comment="ok", by=lea)
    grant = Grant.objects.get()
    assert grant.expires_at == grant.decision.valid_until
    assert (grant.expires_at - grant.decision.decided_at).days == 30


def test_the_environments_own_policy_wins_and_any_is_the_fallback(cast: Cast) -> None:
    own = policies.change_policy(
        subject_kind="access", environment_kind="test", sentence="So.", stages=[{"board": "risk", "quorum": 2}],
        by=cast.pat,
    )  # fmt: skip
    assert policies.policy_for("access", "test") == own
    assert policies.policy_for("access", "production").environment_kind == ""
    with pytest.raises(policies.NoPolicy):
        policies.policy_for("onboarding")


def test_nobody_votes_on_their_own_request_from_any_seat(cast: Cast) -> None:
    seat(board=cast.risk, user=cast.dev, by=SYSTEM)
    request = ask(cast)
    with pytest.raises(OwnRequest):
        vote(review=review(request), verdict="approve", comment="Mine!", by=cast.dev)
    assert not Notification.objects.filter(user=cast.dev).exists()


def test_who_may_not_see_it_finds_nothing_and_who_may_see_is_told_why_not(cast: Cast) -> None:
    request = ask(cast)
    with pytest.raises(Missing):
        vote(review=review(request), verdict="approve", comment="x", by=cast.greta)
    with pytest.raises(NotSeated, match="Risk board"):
        vote(review=review(request), verdict="approve", comment="x", by=cast.olivia)
    with pytest.raises(Missing):
        withdraw(request=request, by=cast.ned)
    with pytest.raises(NotTheRequester, match="Dev"):
        withdraw(request=request, by=cast.rita)
    with pytest.raises(Missing):
        comment(request=request, text="hello", by=cast.greta)


def test_one_vote_a_member_and_none_after_the_decision(cast: Cast) -> None:
    policies.change_policy(subject_kind="access", sentence="Two.", stages=[{"board": "risk", "quorum": 2}], by=cast.pat)
    request = ask(cast)
    vote(review=review(request), verdict="approve", comment="ok", by=cast.rita)
    with pytest.raises(VotedAlready):
        vote(review=review(request), verdict="refuse", comment="hm", by=cast.rita)
    vote(review=review(request), verdict="approve", comment="ok", by=cast.rob)
    with pytest.raises(NotPossible):
        vote(review=review(request), verdict="refuse", comment="late", by=cast.rita)


@pytest.mark.parametrize("words", ["", "   ", "\x00", "x" * 4001])
def test_reasons_and_comments_are_required_and_bounded(cast: Cast, words: str) -> None:
    request = ask(cast)
    with pytest.raises(CommentMissing):
        vote(review=review(request), verdict="approve", comment=words, by=cast.rita)
    with pytest.raises(CommentMissing):
        comment(request=request, text=words, by=cast.dev)
    with pytest.raises(ReasonMissing):
        request_access(environment=cast.environment("test"), route=route("second"), purpose=words, by=cast.dev)


def test_a_board_that_cannot_reach_its_quorum_is_found_before_it_blocks(cast: Cast) -> None:
    policies.change_policy(subject_kind="access", sentence="Two.", stages=[{"board": "risk", "quorum": 2}], by=cast.pat)
    rob_in_acme = cast.rob
    from tenants.memberships import add_member

    add_member(tenant=cast.acme, user=rob_in_acme, role="developer", by=cast.olivia)
    with pytest.raises(BoardTooSmall, match="needs 2 approvals but only 1"):
        request_access(environment=cast.environment(), route=route("second"), purpose="x", by=rob_in_acme)
    with pytest.raises(UnfitStage, match="has 2 active members"):
        policies.change_policy(
            subject_kind="access", sentence="Many.", stages=[{"board": "risk", "quorum": 5}], by=cast.pat
        )
    with pytest.raises(Exception, match="1 would be left"):
        unseat(board=cast.risk, user=cast.rita, by=cast.pat)


def test_a_change_of_policy_leaves_requests_under_way_alone(cast: Cast) -> None:
    request = ask(cast)
    policies.change_policy(subject_kind="access", sentence="Two.", stages=[{"board": "risk", "quorum": 2}], by=cast.pat)
    vote(review=review(request), verdict="approve", comment="ok", by=cast.rita)
    request.refresh_from_db()
    assert (request.state, request.policy.version) == ("approved", 1)


def test_the_record_is_frozen_with_its_evidence_and_any_change_is_found(cast: Cast) -> None:
    request = ask(cast)
    vote(review=review(request), verdict="approve", comment="ok ✓", by=cast.rita)
    decision = Decision.objects.get()
    assert verify(decision).is_intact
    assert decision.record["reviews"][0]["votes"][0]["comment"] == "ok ✓"
    evidence = {fact["name"]: fact["value"] for fact in decision.record["evidence"]}
    assert evidence["Price"] == "1.00 in and 2.00 out, USD per million tokens at Echo"
    decision.record["reason"] = "another"
    assert not verify(decision).fits_record
    decision.hash = hash_of(decision.record)
    seen = verify(decision)
    assert seen.fits_record and not seen.fits_audit


def test_the_database_refuses_a_forbidden_transition_and_a_changed_decision(cast: Cast) -> None:
    from django.db import DatabaseError, transaction

    request = ask(cast)
    vote(review=review(request), verdict="refuse", comment="No.", by=cast.rita)
    with pytest.raises(DatabaseError), transaction.atomic():
        Request.objects.update(state="approved")
    with pytest.raises(DatabaseError), transaction.atomic():
        Decision.objects.update(outcome="approved")


def test_withdrawn_requests_close_their_reviews_and_tell_the_voters(cast: Cast) -> None:
    request = ask(cast)
    withdraw(request=request, by=cast.dev)
    assert {r.outcome for r in request.reviews.all()} == {"closed"}
    assert Notification.objects.filter(title__startswith="Withdrawn").count() == 2
    assert not Vote.objects.exists()
    with pytest.raises(NotPossible):
        withdraw(request=request, by=cast.dev)


def test_comments_reach_the_others(cast: Cast) -> None:
    request = ask(cast)
    comment(request=request, text="Which data?", by=cast.rita)
    assert Notification.objects.get(user=cast.dev).title.startswith("Rita on Support asks")
    comment(request=request, text="None that is personal.", by=cast.dev)
    assert Notification.objects.filter(user=cast.rita, title__startswith="Dev on").count() == 1


def test_an_unknown_kind_cannot_be_asked(cast: Cast) -> None:
    from approvals.subjects import UnknownSubjectKind

    with pytest.raises(UnknownSubjectKind):
        submit(subject_kind="moon", subject_key="1", title="t", reason="r", by=cast.dev)


def test_a_seat_that_a_review_under_way_needs_is_not_left_whatever_the_policy_says_now(cast: Cast) -> None:
    request = ask(cast)
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.ned, by=cast.pat)
    policies.change_policy(
        subject_kind="access", sentence="Legal.", stages=[{"board": "legal", "quorum": 1}], by=cast.pat
    )
    unseat(board=cast.risk, user=cast.rob, by=cast.pat)
    with pytest.raises(SeatNeeded, match="R-1 could never be decided without Rita") as refused:
        unseat(board=cast.risk, user=cast.rita, by=cast.pat)
    assert refused.value.way_out == request.get_absolute_url()
    vote(review=review(request), verdict="approve", comment="Fits.", by=cast.rita)
    unseat(board=cast.risk, user=cast.rita, by=cast.pat)
    assert not cast.risk.seats.exists()


def test_switching_off_whom_a_review_needs_is_recorded_and_told_to_who_may_mend_it(cast: Cast) -> None:
    request = ask(cast)
    deactivate(user=cast.rob, by=cast.pat)
    assert not Notification.objects.filter(user=cast.pat).exists()
    deactivate(user=cast.rita, by=cast.pat, reason="Left the firm")
    note = Notification.objects.get(user=cast.pat)
    assert note.title == "Nobody can decide on R-1 any more" and note.path == "/platform/boards/"
    entry = Entry.objects.get(verb="reviews.left_undecidable")
    assert (entry.subject_label, entry.facts) == ("Rita", {"requests": [request.number]})
