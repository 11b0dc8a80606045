"""The lists of policies and boards: searched, filtered, sorted, by pages, as CSV, and alike on the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals.boards import create_board, seat
from approvals.models import Policy
from approvals.policies import change_policy
from audit.models import Entry
from tests.cast import Cast

POLICIES, BOARDS = "/platform/policies/", "/platform/boards/"


@pytest.fixture
def pat(cast: Cast) -> Client:
    legal = create_board(slug="legal", name="Legal board", purpose="Contracts", by=cast.pat)
    seat(board=legal, user=cast.vera, by=cast.pat)
    for board, sentence in (("legal", "Contracts first."), ("risk", "Production is of the risk board.")):
        change_policy(
            subject_kind="access", environment_kind="production", sentence=sentence, by=cast.pat,
            stages=[{"board": board, "quorum": 1}], validity_days=None,
        )  # fmt: skip
    client = Client()
    client.force_login(cast.pat)
    return client


def sentences(client: Client, query: str) -> list[str]:
    answer: Any = client.get(f"{POLICIES}?format=csv&{query}")
    return [line.split(",")[4].split()[0] for line in answer.getvalue().decode().splitlines()[1:]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "Access Production"), ("show=earlier", "Contracts"), ("show=all", "Access Production Contracts"),
     ("show=all&board=legal", "Contracts"), ("q=production", "Production"), ("q=risk", "Access Production"),
     ("sort=-version", "Production Access"), ("sort=since&show=all", "Access Contracts Production"),
     ("kind=access&q=contracts&show=all", "Contracts"), ("kind=odd&show=odd&sort=odd", "Access Production")],
)  # fmt: skip
def test_it_works(pat: Client, query: str, expected: str) -> None:
    assert sentences(pat, query) == expected.split()
    assert pat.get(f"{POLICIES}?{query}").status_code == 200


def test_the_api_narrows_alike(pat: Client) -> None:
    for query, count in (("", 3), ("in_force=true", 2), ("in_force=false&board=legal", 1), ("q=risk", 2)):
        assert len(pat.get(f"/api/policies/?{query}").json()["results"]) == count, query
    assert pat.get("/api/policies/?kind=odd").status_code == 422
    assert [row["slug"] for row in pat.get("/api/boards/?q=vera").json()["results"]] == ["legal"]
    assert pat.get("/api/boards/?q=nobody").json()["results"] == []


def test_an_empty_result_offers_each_filter_to_drop(pat: Client) -> None:
    page = pat.get(f"{POLICIES}?q=zebra&show=earlier&board=legal").content.decode()
    assert "No policy fits" in page
    for left in ("show=earlier&amp;board=legal", "q=zebra&amp;board=legal", "q=zebra&amp;show=earlier"):
        assert f'href="{POLICIES}?{left}"' in page
    assert "No board fits" in pat.get(f"{BOARDS}?q=zebra").content.decode()


def test_boards_are_found_by_their_members_and_sorted(pat: Client) -> None:
    page = pat.get(BOARDS).content.decode()
    assert page.index("Legal board</h2>") < page.index("Risk board</h2>")
    page = pat.get(f"{BOARDS}?sort=-members").content.decode()
    assert page.index("Risk board</h2>") < page.index("Legal board</h2>")
    found = pat.get(f"{BOARDS}?q=vera").content.decode()
    assert "Legal board</h2>" in found and "Risk board</h2>" not in found


def test_the_export_of_boards_has_a_line_a_seat(cast: Cast, pat: Client) -> None:
    create_board(slug="empty", name="Empty board", purpose="", by=cast.pat)
    answer: Any = pat.get(f"{BOARDS}?format=csv")
    lines = answer.getvalue().decode().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["empty", "legal", "risk", "risk"]
    assert Entry.objects.get(verb="export.taken").subject_id == "boards"


def test_who_may_not_read_them_exports_nothing(cast: Cast, pat: Client) -> None:
    client = Client()
    client.force_login(cast.dev)
    assert {client.get(f"{path}?format=csv").status_code for path in (POLICIES, BOARDS)} == {403}


def test_the_pages_need_few_queries(cast: Cast, pat: Client, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    Policy.objects.bulk_create(
        Policy(
            slug="old", subject_kind="access", environment_kind="test", version=n, superseded_at=cast.acme.created_at
        )
        for n in range(1, 60)
    )
    assert "51–60 of 60 policies" in pat.get(f"{POLICIES}?show=earlier&page=2").content.decode()
    for number in range(25):
        create_board(slug=f"b{number}", name=f"Board {number}", purpose="", by=cast.pat)
    assert "21–27 of 27 boards" in pat.get(f"{BOARDS}?page=2").content.decode()
    for path in (POLICIES, f"{POLICIES}?q=risk+board&show=all", BOARDS):
        with django_assert_max_num_queries(12):
            assert pat.get(path).status_code == 200
