"""Pages of a list that is too long to count: from either end, forth and back, none left out and none shown twice."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import QueryDict
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.models import Notification
from tests.cast import Cast
from ui.keyset import batches, page_of

START = timezone.now()


@pytest.fixture
def names(cast: Cast) -> list[str]:
    """Seven rows, the oldest first; three of them of the same moment."""
    titles = [f"n{number}" for number in range(7)]
    keys = sorted(uuid7() for _ in titles)  # which decide among rows of one moment
    for number, (key, title) in enumerate(zip(keys, titles, strict=True)):
        at = START + dt.timedelta(minutes=0 if number < 3 else number)
        Notification.objects.create(pk=key, user=cast.dev, title=title, created_at=at)
    return titles


def walked(query: str, step: str) -> list[list[str]]:
    pages = []
    while query:
        found = page_of(Notification.objects.all(), QueryDict(query.lstrip("?")), moment="created_at", size=3)
        pages.append([row.title for row in found.rows])
        query = getattr(found, step)
    return pages


def test_it_works(names: list[str]) -> None:
    assert walked("?q=x", "next") == [["n6", "n5", "n4"], ["n3", "n2", "n1"], ["n0"]]


def test_the_oldest_come_first_where_the_address_says_so(names: list[str]) -> None:
    assert walked("?sort=when", "next") == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6"]]


@pytest.mark.parametrize("first", ["?q=x", "?sort=when"])
def test_the_way_back_shows_the_same_rows(names: list[str], first: str) -> None:
    there = walked(first, "next")
    query = first
    for _ in there[1:]:
        query = page_of(Notification.objects.all(), QueryDict(query[1:]), moment="created_at", size=3).next
    back = walked(query, "previous")
    assert sorted({title for page in back for title in page}) == names
    assert back[0] == there[-1] and back[1] == there[-2]


def test_other_parameters_stay_and_odd_places_show_the_first_page(names: list[str]) -> None:
    found = page_of(Notification.objects.all(), QueryDict("q=x&sort=when&after=odd"), moment="created_at", size=3)
    assert [row.title for row in found.rows] == ["n0", "n1", "n2"] and found.is_oldest_first
    assert found.next.startswith("?q=x&sort=when&after=") and found.previous == ""


@pytest.mark.parametrize("oldest_first", [True, False])
def test_batches_hold_every_row_in_order(names: list[str], oldest_first: bool) -> None:
    rows = Notification.objects.all()
    some = batches(rows, moment="created_at", oldest_first=oldest_first, size=2)
    found = [row.title for batch in some for row in batch]
    assert found == (names if oldest_first else names[::-1])
