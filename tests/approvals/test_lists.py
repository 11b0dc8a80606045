"""The board's queue as a list: sorted by its heads, searched, exported, each part in its own usual order."""

from __future__ import annotations

import pytest
from django.test import Client

from access.asking import request_access
from approvals.models import Request
from approvals.voting import vote
from audit.models import Entry
from tenants.models import User
from tests.cast import Cast, route


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def order(page: str, *names: str) -> list[str]:
    """`names` as they come in the page."""
    return sorted(names, key=lambda name: page.index(f"{name} in "))


@pytest.fixture
def queue(cast: Cast) -> list[Request]:
    return [
        request_access(environment=cast.environment(), route=route(slug), purpose="x", by=by)
        for slug, by in (("middle", cast.olivia), ("last", cast.dev), ("apple", cast.olivia))
    ]


def test_it_works(cast: Cast, queue: list[Request]) -> None:
    page = signed_in(cast.rita).get("/board/").content.decode()
    assert order(page, "Apple", "Last", "Middle") == ["Middle", "Last", "Apple"]  # the longest waiting first


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("title", "Apple Last Middle"), ("-title", "Middle Last Apple"), ("-number", "Apple Last Middle"),
     ("requester", "Last Middle Apple"), ("odd", "Middle Last Apple")],
)  # fmt: skip
def test_the_heads_sort(cast: Cast, queue: list[Request], sort: str, expected: str) -> None:
    page = signed_in(cast.rita).get(f"/board/?show=open&sort={sort}").content.decode()
    assert order(page, "Apple", "Last", "Middle") == expected.split()


def test_what_was_decided_last_comes_first(cast: Cast, queue: list[Request]) -> None:
    for asked in queue:
        vote(review=asked.reviews.get(), verdict="refuse", comment="No", by=cast.rita)
    rita = signed_in(cast.rita)
    page = rita.get("/board/?show=decided").content.decode()
    assert order(page, "Apple", "Last", "Middle") == ["Apple", "Last", "Middle"]
    page = rita.get("/board/?show=decided&sort=closed").content.decode()
    assert order(page, "Apple", "Last", "Middle") == ["Middle", "Last", "Apple"]


def test_a_part_is_exported_with_its_filters_and_leaves_a_trace(cast: Cast, queue: list[Request]) -> None:
    answer = signed_in(cast.rita).get("/board/?show=open&q=apple&format=csv")
    lines = answer.getvalue().decode().splitlines()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="board-open.csv"'
    assert len(lines) == 2 and "Apple" in lines[1]
    assert Entry.objects.get(verb="export.taken").facts["filters"]["show"] == "open"


def test_who_has_no_seat_exports_nothing(cast: Cast, queue: list[Request]) -> None:
    lines = signed_in(cast.greta).get("/board/?show=open&format=csv").getvalue().decode().splitlines()
    assert len(lines) == 1


def test_an_empty_result_offers_each_filter_to_drop(cast: Cast, queue: list[Request]) -> None:
    page = signed_in(cast.rita).get("/board/?show=open&q=zebra&kind=access").content.decode()
    assert "No request fits" in page
    assert 'href="/board/?show=open&amp;q=zebra"' in page and 'href="/board/?show=open&amp;kind=access"' in page
