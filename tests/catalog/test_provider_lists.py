"""The lists of the platform team: providers, and what one serves: searched, filtered, sorted, by pages, as CSV."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from catalog.models import Deployment, Provider
from tests.cast import Cast, route
from tests.catalog.test_providers import Endpoint, connect, endpoint

__all__ = ["endpoint"]
LIST = "/platform/providers/"


@pytest.fixture
def pat(cast: Cast) -> Client:
    """A browser of the platform team, without the imported catalog."""
    client = Client()
    client.force_login(cast.pat)
    return client


def first_column(answer: Any) -> list[str]:
    return [line.split(",")[0] for line in answer.getvalue().decode().splitlines()[1:]]


@pytest.fixture
def listed(db: None) -> None:
    Deployment.objects.all().delete()  # of the start catalog, where other tests of this folder brought it in
    Provider.objects.all().delete()
    route()  # at the connected provider `echo`
    for slug, region in (("zebra", "eu"), ("apple", "us")):
        Provider.objects.create(slug=slug, name=slug.title(), region=region, website=f"https://{slug}.example")


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "echo apple zebra"), ("sort=name", "apple echo zebra"), ("sort=-name", "zebra echo apple"),
     ("sort=-state", "apple zebra echo"), ("sort=-routes", "echo apple zebra"), ("sort=-region", "apple zebra echo"),
     ("state=connected", "echo"), ("state=listed", "apple zebra"), ("q=zebra.example", "zebra"), ("q=us", "apple"),
     ("state=odd&sort=odd", "echo apple zebra")],
)  # fmt: skip
def test_it_works(pat: Client, listed: None, query: str, expected: str) -> None:
    assert first_column(pat.get(f"{LIST}?format=csv&{query}")) == expected.split()
    assert pat.get(f"{LIST}?{query}").status_code == 200


def test_the_api_narrows_alike(pat: Client, listed: None) -> None:
    found = pat.get("/api/providers/?connected=false&q=apple").json()["results"]
    assert [row["slug"] for row in found] == ["apple"]


def test_all_are_reached_page_by_page_in_few_queries(pat: Client, listed: None, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    Provider.objects.bulk_create(Provider(slug=f"p{n}", name=f"Provider {n:03}") for n in range(60))
    assert "51–63 of 63 providers" in pat.get(f"{LIST}?page=2").content.decode()
    with django_assert_max_num_queries(12):
        pat.get(LIST)


def test_an_empty_result_offers_each_filter_to_drop(pat: Client, listed: None) -> None:
    page = pat.get(f"{LIST}?q=nothing&state=connected").content.decode()
    assert "No provider fits" in page
    assert f'href="{LIST}?q=nothing"' in page and f'href="{LIST}?state=connected"' in page


def test_nobody_else_exports(cast: Cast, listed: None) -> None:
    client = Client()
    client.force_login(cast.dev)
    assert client.get(f"{LIST}?format=csv").status_code == 403
    assert not Entry.objects.filter(verb="export.taken").exists()


def test_every_model_that_is_served_is_reached(pat: Client, endpoint: Endpoint) -> None:
    endpoint.body = {"data": [{"id": f"model-{n:03}"} for n in range(350)]}
    connect(pat, endpoint)
    path = "/platform/providers/research-cluster/?models=1"
    assert "model-349" in pat.get(f"{path}&page=4").content.decode()
    page = pat.get(f"{path}&q=odel-34").content.decode()
    assert "1–10 of 10 models" in page and "model-349" in page and "350 models." in page
    assert first_column(pat.get(f"{path}&q=model-34&sort=-name&format=csv"))[:2] == ["model-349", "model-348"]
    assert len(first_column(pat.get(f"{path}&format=csv"))) == 350
    none = pat.get(f"{path}&q=nothing&show=routed").content.decode()
    assert "No model fits" in none and "models=1&amp;q=nothing" in none
    assert Entry.objects.filter(verb="export.taken", subject_id="models of research-cluster").count() == 2
