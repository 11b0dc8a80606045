"""Lists of the API have the filters and orders of the pages, and lose nothing between two pages of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from access.asking import request_access
from access.granting import grant
from approvals import listing
from tenants import finding, keys
from tenants.models import User
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db


def walked(client: Client, path: str, *, limit: int = 2, back: bool = False) -> list[Any]:
    """All rows of a list, page by page to its end; `back`: and then back to its beginning."""
    rows: list[Any] = []
    page = client.get(f"/api/{path}{'&' if '?' in path else '?'}limit={limit}").json()
    while True:
        rows += page["results"]
        if not page["next"]:
            break
        page = client.get(page["next"]).json()
    returned = list(page["results"])
    while back and page["previous"]:
        page = client.get(page["previous"]).json()
        returned = page["results"] + returned
    assert not back or returned == rows
    return rows


@pytest.fixture
def pat(cast: Cast, client: Client) -> Client:
    client.force_login(cast.pat)
    return client


@pytest.fixture
def issued(cast: Cast) -> None:
    """Seven keys, some never used, two of one name."""
    for number, name in enumerate(("b", "a", "c", "a", "e", "d", "f")):
        key = keys.issue(
            environment=cast.environment("test" if number % 2 else "production"), name=name, by=cast.olivia
        ).key
        key.last_used_at = None if number % 3 == 0 else timezone.now() - dt.timedelta(hours=number)
        key.save()


@pytest.mark.parametrize("sort", [f"{minus}{name}" for name in finding.KEY_SORTS for minus in ("", "-")])
def test_keys_by_every_column_as_on_the_page(cast: Cast, pat: Client, issued: None, sort: str) -> None:
    client = Client()
    client.force_login(cast.olivia)
    on_page = [str(key.pk) for key in client.get(f"/tenants/acme/keys/?sort={sort}").context["page"]]
    by_api = [row["id"] for row in walked(pat, f"keys/?tenant=acme&sort={sort}", back=True)]
    assert sorted(by_api) == sorted(on_page) and len(by_api) == 7
    column = sort.removeprefix("-")
    values = {str(key.pk): getattr(key, column) for key in cast.acme.keys.all()}
    assert [values[key] for key in by_api] == [values[key] for key in on_page]


@pytest.mark.parametrize(
    ("path", "page", "sorts", "identity"),
    [
        ("tenants/", "/tenants/", finding.TENANT_SORTS, "slug"),
        ("people/", "/platform/people/", finding.PEOPLE_SORTS, "username"),
        ("requests/", "/requests/", listing.SORTS, "number"),
    ],
)
def test_other_lists_by_every_column(
    cast: Cast, pat: Client, path: str, page: str, sorts: dict[str, str], identity: str
) -> None:
    User.objects.filter(username__in=["dev", "vera"]).update(last_login=timezone.now())
    for kind in ("development", "test", "production"):
        request_access(environment=cast.environment(kind), route=route(f"r-{kind}"), purpose="Try", by=cast.dev)
    for name in sorts:
        for sort in (name, f"-{name}"):
            on_page = [getattr(row, identity) for row in pat.get(f"{page}?sort={sort}").context["page"]]
            by_api = [row[identity] for row in walked(pat, f"{path}?sort={sort}", back=True)]
            assert sorted(by_api) == sorted(on_page), sort
    upwards = [row[identity] for row in walked(pat, f"{path}?sort={name}")]
    assert upwards[::-1] == [row[identity] for row in walked(pat, f"{path}?sort=-{name}")]


def test_an_unknown_order_and_a_foreign_cursor_are_refused(pat: Client) -> None:
    for path in ("keys/", "tenants/", "people/", "requests/"):
        answer = pat.get(f"/api/{path}?sort=secret")
        assert (answer.status_code, answer.json()["field"]) == (422, "sort"), path
    for cursor in ("x", "bnVsbA", "WzEsMiwzXQ", "W1tdLCJhIixmYWxzZV0"):
        assert pat.get(f"/api/keys/?sort=name&cursor={cursor}").status_code == 404, cursor


def test_keys_by_kind_issuer_and_project(pat: Client, issued: None) -> None:
    assert len(walked(pat, "keys/?kind=test")) == 3
    assert len(walked(pat, "keys/?q=olivia")) == len(walked(pat, "keys/?q=support")) == 7
    assert pat.get("/api/keys/?kind=staging").status_code == 422


def test_grants_and_members_by_words(cast: Cast, pat: Client) -> None:
    for slug in ("alpha-model", "beta-model"):
        grant(environment=cast.environment(), route=route(slug), by=cast.pat)
    assert [row["route"] for row in walked(pat, "grants/?q=alpha")] == ["alpha-model"]
    assert len(walked(pat, "grants/?q=support")) == 2
    assert len(walked(pat, "memberships/?q=vera@example.test")) == 1


def test_a_file_of_requests_with_a_filter_that_means_nothing_is_refused(pat: Client) -> None:
    assert pat.get("/requests/export.csv?state=bogus").status_code == 422
    assert pat.get("/requests/?state=bogus").status_code == 200
