"""The pages of governance as people see them: lists, a request, the board, a decision, policies and boards."""

import json
import re

import pytest
from django.test import Client

from access.asking import request_access
from approvals.models import Board, Policy, Request
from approvals.voting import vote
from audit.models import Entry
from tenants.models import User
from tests.cast import Cast, route


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def asked(cast: Cast) -> Request:
    return request_access(
        environment=cast.environment("production"), route=route(), purpose="=Answer <b>faster</b>", by=cast.dev
    )


def decide(asked: Request, by: User, verdict: str = "approve") -> Request:
    vote(review=asked.reviews.get(), verdict=verdict, comment="Because.", by=by)
    asked.refresh_from_db()
    return asked


def test_it_works(cast: Cast, asked: Request) -> None:
    page = signed_in(cast.rita).get(asked.get_absolute_url())
    text = page.content.decode()
    assert "Support asks to use Echo Model in production" in text
    assert "It is your turn: vote for Risk board (one approval needed)." in text
    assert "=Answer &lt;b&gt;faster&lt;/b&gt;" in text


def test_a_member_of_the_board_approves_on_the_page(cast: Cast, asked: Request) -> None:
    client, review = signed_in(cast.rita), asked.reviews.get()
    told = client.post(
        f"/requests/{asked.number}/vote/", {"review": str(review.pk), "verdict": "approve", "comment": "Fine."}
    )
    assert told.status_code == 302
    text = client.get(asked.get_absolute_url()).content.decode()
    assert "Approved" in text and "Fine." in text and "Your vote for" not in text


def test_a_second_click_says_so_and_changes_nothing(cast: Cast, asked: Request) -> None:
    client, review = signed_in(cast.rita), asked.reviews.get()
    sent = {"review": str(review.pk), "verdict": "approve", "comment": "Fine."}
    for _ in range(2):
        told = client.post(f"/requests/{asked.number}/vote/", sent, follow=True)
    assert told.status_code == 200
    assert b"it can no longer be changed" in told.content
    assert review.votes.count() == 1


def test_a_reason_typed_in_a_second_tab_is_kept_when_somebody_else_was_faster(cast: Cast, asked: Request) -> None:
    review = asked.reviews.get()
    decide(asked, cast.rob)
    sent = {"review": str(review.pk), "verdict": "refuse", "comment": "The data may not leave <the house>."}
    told = signed_in(cast.rita).post(f"/requests/{asked.number}/vote/", sent)
    assert told.status_code == 409
    text = told.content.decode()
    assert "it can no longer be changed" in text
    box = text[text.index('name="text"') : text.index("</textarea>")]
    assert "The data may not leave &lt;the house&gt;." in box


def test_forms_tell_their_own_errors_beside_the_field_and_in_a_summary(cast: Cast, asked: Request) -> None:
    page = signed_in(cast.rita).get(asked.get_absolute_url()).content.decode()
    posts = [tag.split(">")[0] for tag in page.split("<form ")[1:] if "/vote/" in tag or "/comment/" in tag]
    assert len(posts) == 2 and all("novalidate" in form for form in posts)
    for path in ("/requests/new/access/echo-model/", "/tenants/join/"):
        told = signed_in(cast.olivia).post(path, {"purpose": ""})
        assert told.status_code == 422
        text = told.content.decode()
        assert "There is a problem" in text and "at-error" in text and "novalidate" in text


def test_a_reviewer_sees_the_expected_calls_and_what_they_would_cost(cast: Cast) -> None:
    asked = request_access(
        environment=cast.environment("test"), route=route(), purpose="x", by=cast.dev, expected_calls_per_day=2000
    )
    text = signed_in(cast.rita).get(asked.get_absolute_url()).content.decode()
    assert "2,000 a day" in text
    assert "about $96.00 a month" in text  # 2,000 calls × 30 days × (1,000 tokens × $1 + 300 × $2) per million
    assert "1,000 tokens in and 300 out (an example" in text
    assert "needs 1 of its 2 members" in text and "any v1" not in text


def test_a_reviewer_gets_back_to_the_board_and_on_to_the_next_request(cast: Cast, asked: Request) -> None:
    second = request_access(environment=cast.environment("test"), route=route("other"), purpose="x", by=cast.olivia)
    text = signed_in(cast.rita).get(asked.get_absolute_url()).content.decode()
    assert f'href="{second.get_absolute_url()}"' in text and "Next: R-2" in text
    assert 'href="/board/">Board</a>' in text
    assert 'href="/board/" aria-current="true"' in text and 'href="/requests/" aria-current' not in text
    assert "Next: R-2" not in signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()


def test_a_vote_without_a_reason_keeps_the_page_and_says_what_is_missing(cast: Cast, asked: Request) -> None:
    review = asked.reviews.get()
    told = signed_in(cast.rita).post(
        f"/requests/{asked.number}/vote/", {"review": str(review.pk), "verdict": "refuse", "comment": "  "}
    )
    assert told.status_code == 422
    assert b"Say why: the requester and later readers rely on it." in told.content


@pytest.mark.parametrize("review", ["", "nonsense", "00000000-0000-7000-8000-000000000000"])
def test_a_review_that_is_not_of_this_request_is_not_found(cast: Cast, asked: Request, review: str) -> None:
    told = signed_in(cast.rita).post(
        f"/requests/{asked.number}/vote/", {"review": review, "verdict": "approve", "comment": "x"}
    )
    assert told.status_code == 404


def test_the_requester_withdraws(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.dev)
    assert b"Withdraw the request" in client.get(asked.get_absolute_url()).content
    told = client.post(f"/requests/{asked.number}/withdraw/", follow=True)
    assert b"is withdrawn" in told.content
    assert b"Withdraw the request" not in told.content


def test_comments_are_shown_to_everybody_who_may_see_the_request(cast: Cast, asked: Request) -> None:
    signed_in(cast.rob).post(f"/requests/{asked.number}/comment/", {"text": "Which data?", "once": "a"})
    for person in (cast.dev, cast.vera, cast.rita, cast.pat, cast.ada):
        assert b"Which data?" in signed_in(person).get(asked.get_absolute_url()).content
    assert signed_in(cast.dev).post(f"/requests/{asked.number}/comment/", {"text": "", "once": "b"}).status_code == 422


@pytest.mark.parametrize("name", ["greta", "ned"])
def test_strangers_get_the_same_answer_as_for_what_does_not_exist(cast: Cast, asked: Request, name: str) -> None:
    client = signed_in(getattr(cast, name))
    decision = decide(asked, cast.rita).decision
    for path in (
        f"/requests/{asked.number}/",
        f"/requests/{asked.number}/?tab=evidence",
        f"/decisions/{decision.pk}/",
        f"/decisions/{decision.pk}/record.json",
    ):
        assert client.get(path).status_code == 404, path
    for verb in ("vote", "comment", "withdraw"):
        assert client.post(f"/requests/{asked.number}/{verb}/", {"text": "x", "review": "x"}).status_code == 404
    assert asked.title.encode() not in client.get("/requests/").content
    assert asked.title.encode() not in client.get("/requests/export.csv").getvalue()
    assert asked.title.encode() not in client.get("/board/?show=decided").content


def test_evidence_is_live_until_decided_and_frozen_afterwards(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.rita)
    live = client.get(asked.get_absolute_url() + "?tab=evidence").content.decode()
    assert "What is known now" in live and "1.00 in and 2.00 out" in live
    decide(asked, cast.rita)
    from usage.models import Price

    Price.objects.update(input_per_million=9)
    frozen = client.get(asked.get_absolute_url() + "?tab=evidence").content.decode()
    assert "What the board saw" in frozen and "1.00 in and 2.00 out" in frozen


def test_history_tells_every_verb(cast: Cast, asked: Request) -> None:
    decide(asked, cast.rita)
    text = signed_in(cast.ada).get(asked.get_absolute_url() + "?tab=history").content.decode()
    for verb in ("request.submitted", "vote.cast", "request.approved"):
        assert verb in text


def test_the_list_is_filtered_by_its_address(cast: Cast, asked: Request) -> None:
    second = request_access(environment=cast.environment("test"), route=route("other"), purpose="x", by=cast.olivia)
    client = signed_in(cast.dev)

    def titles(query: str) -> list[str]:
        text = client.get(f"/requests/{query}").content.decode()
        return [row.title for row in (asked, second) if f">{row.title}<" in text]

    assert titles("") == [asked.title, second.title]
    assert titles("?whose=mine") == [asked.title]
    assert titles("?q=other") == [second.title]
    assert titles("?q=R-1") == [asked.title]
    assert titles("?state=refused") == []
    assert titles("?tenant=acme&kind=access&sort=title&page=99&state=nonsense") == [asked.title, second.title]
    assert titles("?q=%00&sort=%27&page=x") == [asked.title, second.title]


def test_the_export_holds_the_rows_and_no_formula(cast: Cast, asked: Request) -> None:
    lines = signed_in(cast.dev).get("/requests/export.csv").getvalue().decode("utf-8-sig").splitlines()
    assert lines[0].startswith("number,title,kind")
    assert lines[1].startswith("R-1,Support asks to use Echo Model in production,Access to a model,acme,")
    assert "'=Answer" in lines[1]


def test_the_board_shows_whose_turn_it_is_and_what_was_decided(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.rita)
    assert asked.title in client.get("/board/").content.decode()
    decide(asked, cast.rob)
    assert "Nothing waits for your vote" in client.get("/board/").content.decode()
    decided = client.get("/board/?show=decided").content.decode()
    assert asked.title in decided and "Time to decision" in decided
    assert "You have no seat" in signed_in(cast.dev).get("/board/").content.decode()


def test_a_decision_can_be_checked_with_the_file_alone(cast: Cast, asked: Request) -> None:
    import hashlib

    decision = decide(asked, cast.rita).decision
    client = signed_in(cast.dev)
    page = client.get(f"/decisions/{decision.pk}/").content.decode()
    assert "Verified just now" in page and decision.hash in page and "Because." in page
    record = client.get(f"/decisions/{decision.pk}/record.json").content
    assert hashlib.sha256(record).hexdigest() == decision.hash
    assert json.loads(record)["request"]["number"] == asked.number


def test_the_platform_team_changes_a_policy_and_the_auditor_reads_it(cast: Cast) -> None:
    form = {"subject_kind": "access", "environment_kind": "production", "sentence": "Production needs two.",
            "board_1": "risk", "quorum_1": "2"}  # fmt: skip
    assert signed_in(cast.pat).post("/platform/policies/", form).status_code == 302
    assert Policy.objects.get(environment_kind="production").stages == [{"board": "risk", "quorum": 2}]
    assert b"Production needs two." in signed_in(cast.ada).get("/platform/policies/").content
    assert signed_in(cast.ada).post("/platform/policies/", form).status_code == 403
    assert signed_in(cast.olivia).get("/platform/policies/").status_code == 403
    told = signed_in(cast.pat).post("/platform/policies/", form | {"quorum_1": "9"})
    assert told.status_code == 422
    assert b"9 approvals cannot be reached" in told.content


def test_the_platform_team_seats_people(cast: Cast) -> None:
    client = signed_in(cast.pat)
    client.post("/platform/boards/", {"name": "Legal board", "slug": "legal"})
    assert b"no active person called" in client.post("/platform/boards/legal/seat/", {"user": "?"}, follow=True).content
    client.post("/platform/boards/legal/seat/", {"user": "VERA@example.test"})
    legal = Board.objects.get(slug="legal")
    assert [seat.user for seat in legal.seats.all()] == [cast.vera]
    client.post("/platform/boards/legal/unseat/", {"user": "vera"})
    assert not legal.seats.exists()
    assert signed_in(cast.rita).post("/platform/boards/legal/seat/", {"user": "rita"}).status_code == 403
    assert client.post("/platform/boards/moon/seat/", {"user": "rita"}).status_code == 404


def test_a_board_is_renamed_and_removed_while_nothing_needs_it(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.pat)
    told = client.post("/platform/boards/", {"name": "Legal board", "slug": "-1"})
    assert told.status_code == 422 and b"beginning with a letter" in told.content
    client.post("/platform/boards/", {"name": "Legal board", "slug": "legal"})
    client.post("/platform/boards/legal/", {"name": "Law board", "purpose": "Contracts"})
    assert Board.objects.get(slug="legal").name == "Law board"
    assert Entry.objects.get(verb="board.changed").facts["before"] == {"name": "Legal board", "purpose": ""}
    assert client.post("/platform/boards/legal/", {"name": " "}).status_code == 422
    assert signed_in(cast.ada).get("/platform/boards/legal/").status_code == 403

    assert b"Remove the board" in client.get("/platform/boards/legal/").content
    client.post("/platform/boards/legal/remove/")
    assert not Board.objects.filter(slug="legal").exists()
    assert Entry.objects.get(verb="board.removed").facts == {"slug": "legal", "name": "Law board"}

    page = client.get("/platform/boards/risk/").content
    assert b"This policy needs Risk board" in page and b"Remove the board" not in page
    assert b"This policy needs Risk board" in client.post("/platform/boards/risk/remove/").content
    assert Board.objects.filter(slug="risk").exists()


def test_a_program_changes_and_removes_boards(cast: Cast) -> None:
    client = signed_in(cast.pat)
    words = {"content_type": "application/json"}
    told = client.post("/api/boards/", {"name": 5, "slug": "law"}, **words).json()
    assert told["errors"] == {"name": ["This is text: put it in quotes."]}
    assert client.post("/api/boards/", {"name": "Law", "slug": "-1"}, **words).status_code == 422
    assert client.post("/api/boards/", {"name": "Law", "slug": "law"}, **words).status_code == 201
    assert client.patch("/api/boards/law/", {"purpose": "Contracts"}, **words).json()["purpose"] == "Contracts"
    assert client.delete("/api/boards/law/").status_code == 204
    assert client.delete("/api/boards/risk/").status_code == 409


def test_home_shows_what_waits_and_what_one_asked(cast: Cast, asked: Request) -> None:
    assert b"Waiting for your vote" in signed_in(cast.rita).get("/").content
    dev = signed_in(cast.dev)
    assert b"Waiting for your vote" not in dev.get("/").content
    work = dev.get("/home/work/", headers={"hx-request": "true"}).content.decode()
    assert "Your requests" in work and asked.title in work


def test_lists_ask_the_database_a_fixed_number_of_times(cast: Cast, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(12):
        request_access(environment=cast.environment(), route=route(f"r{number}"), purpose="x", by=cast.dev)
    for person, path in ((cast.dev, "/requests/"), (cast.rita, "/board/")):
        client = signed_in(person)
        client.get(path)
        with django_assert_max_num_queries(14):
            assert client.get(path).status_code == 200


def test_a_comment_sent_twice_stands_there_once(cast: Cast, asked: Request) -> None:
    rob = signed_in(cast.rob)
    page = rob.get(f"/requests/{asked.number}/").content.decode()
    token = re.findall(r'name="once" value="([0-9a-f-]{36})"', page)[0]
    for _ in range(2):
        rob.post(f"/requests/{asked.number}/comment/", {"text": "Which data?", "once": token})
    assert asked.comments.filter(text="Which data?").count() == 1
    assert "sent already" in rob.get(f"/requests/{asked.number}/").content.decode()
