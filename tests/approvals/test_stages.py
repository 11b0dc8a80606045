"""Stages side by side and one after another, quorums of all, vetoes and checklists."""

from typing import Any

import pytest
from django.test import Client

from access.asking import request_access
from approvals.boards import create_board, seat
from approvals.models import Board, Policy, Request
from approvals.policies import change_policy
from approvals.stage_rules import UnfitStage
from approvals.voting import ChecklistOpen, VotedAlready, vote
from tenants.models import User
from tests.cast import Cast, person, route

ACCESS = {"subject_kind": "access", "sentence": "So."}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def legal(cast: Cast) -> Board:
    made = create_board(slug="legal", name="Legal board", by=cast.pat)
    for name in ("lea", "leo", "liv"):
        seat(board=made, user=person(name), by=cast.pat)
    return made


def asked_under(cast: Cast, *stages: dict[str, Any]) -> Request:
    change_policy(**ACCESS, stages=list(stages), by=cast.pat)
    return request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.dev)


def say(request: Request, board: str, name: str, verdict: str = "approve", **more: Any) -> str:
    by = User.objects.get(username=name)
    vote(review=request.reviews.get(board__slug=board), verdict=verdict, comment="Because.", by=by, **more)
    request.refresh_from_db()
    return request.state


def test_it_works(cast: Cast, legal: Board) -> None:
    asked = asked_under(
        cast, {"board": "risk", "quorum": 1}, {"board": "legal", "quorum": "all", "beside": True, "veto": ["lea"]}
    )
    assert list(asked.reviews.values_list("board__slug", "group", "quorum", "outcome")) == [
        ("risk", 1, 1, "open"),
        ("legal", 1, 3, "open"),
    ]
    page = signed_in(User.objects.get(username="lea")).get(asked.get_absolute_url()).content.decode()
    assert "It is your turn: vote for Legal board (3 approvals needed)." in page
    page = signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()
    assert "Risk board decides next: one approval needed. Legal board looks at it at the same time." in page
    assert [say(asked, "legal", name) for name in ("lea", "leo", "liv")] == ["in_review"] * 3
    assert say(asked, "risk", "rita") == "approved"


def test_what_comes_after_two_that_stand_side_by_side_waits_for_both(cast: Cast, legal: Board) -> None:
    last = create_board(slug="last", name="Last board", by=cast.pat)
    seat(board=last, user=cast.fin, by=cast.pat)
    asked = asked_under(
        cast,
        {"board": "risk", "quorum": 1},
        {"board": "legal", "quorum": 1, "beside": True},
        {"board": "last", "quorum": 1},
    )
    say(asked, "risk", "rita")
    assert asked.reviews.get(board=last).outcome == "waiting"
    say(asked, "legal", "leo")
    assert asked.reviews.get(board=last).outcome == "open"
    assert say(asked, "last", "fin") == "approved"


def test_without_a_veto_a_refusal_counts_once_the_quorum_is_out_of_reach(cast: Cast, legal: Board) -> None:
    asked = asked_under(cast, {"board": "legal", "quorum": 2, "veto": "nobody"})
    assert say(asked, "legal", "lea", "refuse") == "in_review"
    with pytest.raises(VotedAlready):
        say(asked, "legal", "lea")
    assert say(asked, "legal", "leo") == "in_review"
    assert say(asked, "legal", "liv", "refuse") == "refused"


def test_a_named_veto_refuses_alone_and_the_others_do_not(cast: Cast, legal: Board) -> None:
    asked = asked_under(cast, {"board": "legal", "quorum": 1, "veto": ["leo"]})
    for name, is_told in (("leo", True), ("lea", False)):
        page = signed_in(User.objects.get(username=name)).get(asked.get_absolute_url()).content.decode()
        assert ("One refusal refuses the request" in page, "out of reach" in page) == (is_told, not is_told), name
    assert say(asked, "legal", "lea", "refuse") == "in_review"
    assert say(asked, "legal", "leo", "refuse") == "refused"


def test_who_approves_has_checked_everything_and_who_refuses_need_not(cast: Cast, legal: Board) -> None:
    lines = ["The licence allows it.", "The region fits the data."]
    asked = asked_under(cast, {"board": "legal", "quorum": 2, "checklist": lines})
    with pytest.raises(ChecklistOpen, match="region fits"):
        say(asked, "legal", "lea", checked=lines[:1])
    assert say(asked, "legal", "lea", checked=lines) == "in_review"
    assert asked.reviews.get().votes.get().checked == lines
    client, path = signed_in(User.objects.get(username="leo")), f"/requests/{asked.number}/vote/"
    page = client.get(asked.get_absolute_url()).content.decode()
    assert all(line in page for line in lines)
    given = {"review": str(asked.reviews.get().pk), "verdict": "approve", "comment": "ok", "checked": lines[:1]}
    told = client.post(path, given)
    assert told.status_code == 422 and "Check this before you approve" in told.content.decode()
    assert client.post(path, given | {"checked": lines}).status_code == 302
    asked.refresh_from_db()
    assert asked.state == "approved"


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        ([], "at least one stage"),
        (["legal"], "object"),
        ([{"board": "legal", "quorum": 0}], "At least one"),
        ([{"board": "legal", "quorum": True}], "At least one"),
        ([{"board": "legal", "quorum": 4}], "cannot be reached"),
        ([{"board": "nowhere"}], "no board"),
        ([{"board": "legal", "beside": True}], "none before it"),
        ([{"board": "legal", "veto": ["rita"]}], "does not sit"),
        ([{"board": "legal", "veto": []}], "veto"),
        ([{"board": "legal", "checklist": "x"}], "list of sentences"),
        ([{"board": "legal", "checklist": [" "]}], "sentences"),
        ([{"board": "legal", "quorom": 1}], "no “quorom”"),
        ([{"board": "legal"}, {"board": "legal"}], "once"),
    ],
)
def test_a_stage_that_means_nothing_is_refused(cast: Cast, legal: Board, stages: list[Any], why: str) -> None:
    with pytest.raises(UnfitStage, match=why):
        change_policy(**ACCESS, stages=stages, by=cast.pat)


def test_the_form_and_the_api_say_all_of_it(cast: Cast, legal: Board) -> None:
    pat = signed_in(cast.pat)
    stages = [
        {"board": "risk", "quorum": 1},
        {"board": "legal", "quorum": "all", "beside": True, "veto": ["lea"], "checklist": ["Read it.", "Weigh it."]},
    ]
    body = {"subject_kind": "access", "sentence": "By the API.", "stages": stages}
    told = pat.post("/api/policies/", body, content_type="application/json")
    assert (told.status_code, told.json()["stages"]) == (201, stages), told.content
    made = Policy.objects.get(sentence="By the API.")
    page = pat.get(f"/platform/policies/?from={made.pk}").content.decode()
    assert "1 of Risk board and every member of Legal board" in page
    sent = {
        "subject_kind": "access", "sentence": "By the form.", "board_1": "risk", "quorum_1": "1",
        "board_2": "legal", "quorum_2": "all", "beside_2": "on", "veto_2": "lea", "checklist_2": "Read it.\nWeigh it.",
    }  # fmt: skip
    assert pat.post("/platform/policies/", sent).status_code == 302
    assert Policy.objects.get(sentence="By the form.").stages == stages
