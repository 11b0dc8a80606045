"""The lists of a tenant, members and projects: searched, filtered, sorted by their heads, exported."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tenants import keys
from tenants.models import User
from tenants.structure import create_project
from tests.cast import Cast


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    return text[text.index("<main") :]


def csv_of(client: Client, path: str) -> list[str]:
    lines: list[str] = client.get(path).getvalue().decode().splitlines()  # type: ignore[attr-defined]
    return [line.split(",")[0] for line in lines[1:]]


def test_it_works(cast: Cast) -> None:
    page = page_of(signed_in(cast.vera), "/tenants/acme/members/")
    assert "1–3 of 3 members" in page and 'href="/tenants/acme/members/?sort=role"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "olivia dev vera"), ("sort=person", "dev olivia vera"), ("sort=-person", "vera olivia dev"),
     ("sort=-since", "vera dev olivia"), ("sort=role&q=v", "dev olivia vera"), ("role=viewer", "vera"),
     ("sort=added_by", "dev vera olivia"), ("sort=-added_by", "dev vera olivia"), ("sort=odd", "olivia dev vera")],
)  # fmt: skip
def test_members_are_sorted_and_narrowed(cast: Cast, query: str, expected: str) -> None:
    found = csv_of(signed_in(cast.vera), f"/tenants/acme/members/?format=csv&{query}")
    assert found == expected.split()  # whom Atrium itself added come last either way


def test_no_member_fits_and_each_filter_can_be_dropped(cast: Cast) -> None:
    page = page_of(signed_in(cast.vera), "/tenants/acme/members/?q=zebra&role=owner")
    assert "Nobody fits" in page
    assert 'href="/tenants/acme/members/?q=zebra"' in page and 'href="/tenants/acme/members/?role=owner"' in page


def test_projects_are_sorted_and_narrowed(cast: Cast) -> None:
    for slug in ("apple", "zebra"):
        create_project(tenant=cast.acme, slug=slug, name=slug.title(), purpose=f"of {slug}", by=cast.olivia)
    keys.issue(environment=cast.environment(), name="job", by=cast.olivia)
    archived = cast.acme.projects.get(slug="zebra")
    archived.archived_at = timezone.now()
    archived.save()
    vera = signed_in(cast.vera)
    for query, expected in (
        ("", "Apple Support Zebra"), ("sort=-name", "Zebra Support Apple"), ("sort=since", "Support Apple Zebra"),
        ("sort=-keys&q=p", "Support Apple"), ("state=keys", "Support"), ("state=no-keys", "Apple"),
        ("state=archived", "Zebra"), ("state=odd", "Apple Support Zebra"), ("q=of", "Apple Zebra"),
    ):  # fmt: skip
        assert csv_of(vera, f"/tenants/acme/projects/?format=csv&{query}") == expected.split(), query
    assert Entry.objects.filter(verb="export.taken", subject_id="projects", tenant="acme").count() == 9
    page = page_of(vera, "/tenants/acme/projects/?state=archived&q=apple")
    assert "No project fits" in page and 'href="/tenants/acme/projects/?q=apple"' in page


@pytest.mark.parametrize("path", ["members", "projects", "grants"])
def test_the_lists_need_few_queries(cast: Cast, path: str, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(12):
        create_project(tenant=cast.acme, slug=f"p{number}", name=f"P{number}", by=cast.olivia)
    olivia = signed_in(cast.olivia)
    page_of(olivia, f"/tenants/acme/{path}/")
    with django_assert_max_num_queries(12):
        page_of(olivia, f"/tenants/acme/{path}/?sort=-since")
