"""`/notifications/`: everything that was in one's bell is reachable, by words, by state, page by page, and as CSV."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tenants.models import Notification, User
from tests.cast import Cast


def note(user: User, title: str, *, days_ago: int = 0, read: bool = False, **rest: object) -> Notification:
    at = timezone.now() - dt.timedelta(days=days_ago)
    return Notification.objects.create(user=user, title=title, created_at=at, read_at=at if read else None, **rest)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(client: Client, query: str = "") -> str:
    answer = client.get(f"/notifications/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_works(cast: Cast) -> None:
    for number in range(60):
        note(cast.dev, f"Number {number:02}", days_ago=number)
    note(cast.vera, "For Vera alone")
    dev = signed_in(cast.dev)
    first, second = text_of(dev), text_of(dev, "?page=2")
    assert "Number 00" in first and "Number 59" not in first and "1–50 of 60 notifications" in first
    assert "Number 59" in second and "For Vera alone" not in first + second


def test_words_and_states_narrow_the_list(cast: Cast) -> None:
    note(cast.dev, "Budget of Support", tenant=cast.acme)
    note(cast.dev, "Key expires", body="The key of support", read=True)
    note(cast.dev, "Something else")
    dev = signed_in(cast.dev)
    assert "2 notifications" in text_of(dev, "?q=support")
    unread = text_of(dev, "?q=support&state=unread")
    assert "Budget of Support" in unread and "Key expires" not in unread
    assert "Budget of Support" in text_of(dev, "?q=acme")


def test_an_empty_result_offers_each_filter_to_drop(cast: Cast) -> None:
    note(cast.dev, "Budget of Support")
    page = text_of(signed_in(cast.dev), "?q=zebra&state=read")
    assert "No notification fits" in page
    assert 'href="/notifications/?state=read"' in page and 'href="/notifications/?q=zebra"' in page


def test_the_heads_sort(cast: Cast) -> None:
    note(cast.dev, "Zebra", days_ago=1)
    note(cast.dev, "Apple", days_ago=2, tenant=cast.acme)
    dev = signed_in(cast.dev)
    for sort, first in (("title", "Apple"), ("-title", "Zebra"), ("when", "Apple"), ("odd", "Zebra")):
        page = text_of(dev, f"?sort={sort}")
        other = {"Apple": "Zebra", "Zebra": "Apple"}[first]
        assert page.index(f">{first}</a>") < page.index(f">{other}</a>"), sort


def test_one_is_marked_as_read_and_the_filters_stay(cast: Cast) -> None:
    row, other = note(cast.dev, "Budget"), note(cast.dev, "Key")
    answer = signed_in(cast.dev).post(f"/notifications/{row.pk}/read/", {"next": "/notifications/?state=unread"})
    assert answer.headers["Location"] == "/notifications/?state=unread"
    row.refresh_from_db()
    other.refresh_from_db()
    assert row.read_at is not None and other.read_at is None


def test_somebody_elses_does_not_exist(cast: Cast) -> None:
    row = note(cast.vera, "Budget")
    assert signed_in(cast.dev).post(f"/notifications/{row.pk}/read/").status_code == 404
    row.refresh_from_db()
    assert row.read_at is None


def test_csv_holds_the_same_rows_and_leaves_a_trace(cast: Cast) -> None:
    note(cast.dev, "=Budget", tenant=cast.acme)
    note(cast.dev, "Key", read=True)
    lines = signed_in(cast.dev).get("/notifications/?state=unread&format=csv").getvalue().decode().splitlines()
    assert len(lines) == 2 and lines[1].startswith("'=Budget,,acme")
    assert Entry.objects.filter(verb="export.taken", subject_id="notifications").count() == 1


def test_the_menu_offers_to_mark_what_is_not_among_the_newest(cast: Cast) -> None:
    note(cast.dev, "Old and unread", days_ago=30)
    for number in range(12):
        note(cast.dev, f"Number {number}", read=True)
    menu = signed_in(cast.dev).get("/notifications/", headers={"HX-Request": "true"}).content.decode()
    assert "Mark all as read" in menu and "Old and unread" not in menu


def test_the_api_narrows_alike(cast: Cast) -> None:
    note(cast.dev, "Budget of Support")
    note(cast.dev, "Key", read=True)
    found = signed_in(cast.dev).get("/api/notifications/?q=support").json()["results"]
    assert [row["title"] for row in found] == ["Budget of Support"]


@pytest.mark.parametrize("count", [1, 50])
def test_the_page_needs_few_queries(cast: Cast, count: int, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(count):
        note(cast.dev, f"Number {number}", tenant=cast.acme)
    dev = signed_in(cast.dev)
    text_of(dev)
    with django_assert_max_num_queries(12):
        text_of(dev)
