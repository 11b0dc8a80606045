"""A change of policies is decided: by four eyes, or by the policy for it; where there is one administrator, at once."""

from typing import Any

import pytest
from django.test import Client

from approvals.boards import create_board, seat
from approvals.models import Policy, Request
from approvals.policies import change_policy, policy_for
from approvals.policy_changes import ChangedSince, NothingChanges, put
from approvals.policy_documents import written_in_force
from approvals.sending import send
from approvals.submit import ReasonMissing
from approvals.voting import NotSeated, OwnRequest, vote
from audit.record import SYSTEM
from tenants.memberships import appoint
from tenants.models import User
from tests.cast import Cast, person

FORM = {"subject_kind": "access", "sentence": "Two now.", "board_1": "risk", "quorum_1": "2"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def paul(cast: Cast) -> User:
    """Another administrator of the platform."""
    made = person("paul")
    appoint(user=made, role="platform", by=SYSTEM)
    return made


def two() -> str:
    """Two of the risk board approve in place of one."""
    return written_in_force().replace("board: risk\n    quorum: 1", "board: risk\n    quorum: 2")


def asked(by: User) -> Request:
    made = put(two(), reason="One is too few.", by=by)
    assert isinstance(made, Request)
    return made


def test_it_works(cast: Cast, paul: User) -> None:
    pat = signed_in(cast.pat)
    told = pat.post("/platform/policies/", FORM, follow=True).content.decode()
    request = Request.objects.get()
    assert f"it is asked for as R-{request.number}" in told and policy_for("access").version == 1
    assert "another administrator of the platform approves" in told and "Stages 1, quorum" not in told
    assert "access: stages 1, quorum" in told and "1 → 2" in told and "no history to try it on" in told
    with pytest.raises(OwnRequest):
        vote(review=request.reviews.get(), verdict="approve", comment="Mine", by=cast.pat)
    with pytest.raises(NotSeated):
        vote(review=request.reviews.get(), verdict="approve", comment="Seen", by=cast.ada)
    other = signed_in(paul)
    assert [row["number"] for row in other.get("/api/requests/?waiting_for_me=true").json()["results"]] == [1]
    page = other.get(request.get_absolute_url()).content.decode()
    assert "It is your turn: vote for The platform&#x27;s administrators" in page
    given = {"review": str(request.reviews.get().pk), "verdict": "approve", "comment": "Agreed."}
    other.post(f"/requests/{request.number}/vote/", given)
    assert policy_for("access").stages == [{"board": "risk", "quorum": 2}]
    assert other.get(f"/decisions/{Request.objects.get().decision.pk}/").status_code == 200


def test_an_only_administrator_changes_at_once_and_an_operator_too(cast: Cast) -> None:
    signed_in(cast.pat).post("/platform/policies/", FORM)
    assert policy_for("access").version == 2
    put(written_in_force().replace("quorum: 2", "quorum: 1"), reason="", by=SYSTEM)
    assert policy_for("access").version == 3


def test_a_policy_says_who_decides_on_policies(cast: Cast) -> None:
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.ned, by=cast.pat)
    change_policy(
        subject_kind="policy_change", sentence="Legal.", stages=[{"board": "legal", "quorum": 1}], by=cast.pat
    )
    told = signed_in(cast.pat).post(
        "/api/policies/document/", {"document": two(), "reason": "Safer."}, content_type="application/json"
    )
    assert (told.status_code, told.json()["policy"]) == (202, "policy-change v1"), told.content
    request = Request.objects.get()
    assert request.title == "Change the policy access"
    vote(review=request.reviews.get(), verdict="refuse", comment="No.", by=cast.ned)
    assert policy_for("access").version == 1


def test_what_was_changed_meanwhile_is_not_undone(cast: Cast, paul: User) -> None:
    request = asked(cast.pat)
    change_policy(subject_kind="access", sentence="Else.", stages=[{"board": "risk", "quorum": 1}], by=SYSTEM)
    with pytest.raises(ChangedSince, match="Refuse it, or withdraw it"):
        vote(review=request.reviews.get(), verdict="approve", comment="ok", by=paul)
    assert policy_for("access").sentence == "Else."
    request.refresh_from_db()
    assert request.state == "in_review"
    vote(review=request.reviews.get(), verdict="send_back", comment="It was changed.", by=paul)
    with pytest.raises(ChangedSince):
        send(request=request, by=cast.pat)


def test_nothing_and_without_a_reason_is_not_asked_for(cast: Cast, paul: User) -> None:
    with pytest.raises(NothingChanges):
        put(written_in_force(), reason="x", by=cast.pat)
    with pytest.raises(ReasonMissing):
        put(two(), reason=" ", by=cast.pat)
    assert not Request.objects.exists() and Policy.objects.count() == 1


def test_the_api_asks_for_one_policy_too(cast: Cast, paul: User) -> None:
    body: dict[str, Any] = {
        "subject_kind": "access", "slug": "dear", "sentence": "Dear.", "stages": [{"board": "risk", "quorum": 2}],
        "when": {"cost_above_a_month": "1000"}, "priority": 1,
    }  # fmt: skip
    told = signed_in(cast.pat).post("/api/policies/", body, content_type="application/json")
    assert (told.status_code, told.json()["state"]) == (202, "in_review"), told.content
    vote(review=Request.objects.get().reviews.get(), verdict="approve", comment="ok", by=paul)
    made = Policy.objects.get(slug="dear")
    assert (made.when, made.priority, made.stages) == ({"cost_above_a_month": "1000"}, 1, body["stages"])
