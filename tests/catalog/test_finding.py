"""Finding a model: by name, by slip of the finger, by meaning, by facets that count right; and taking it along."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.test import Client

from access.granting import grant
from catalog import search
from catalog.filters import SORTS, Asked, Filters
from catalog.models import Model, Route
from catalog.shelf import blended
from tenants.models import Tenant
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def slugs(client: Client, query: str) -> list[str]:
    """The first page of what the list finds, by the API that answers as the page does."""
    return [row["slug"] for row in client.get(f"/api/models/?{query}").json()["results"]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("smollm2", "smollm2-135m-instruct"),
        ("SmolLM2 135M Instruct", "smollm2-135m-instruct"),
        ("smolm2", "smollm2-135m-instruct"),  # a slip of the finger
        ("gpt-4o", "gpt-4o"),
        ("claude sonet 4", "claude-sonnet-4"),
    ],
)
def test_a_name_is_found_first_also_misspelt(dev: Client, text: str, wanted: str) -> None:
    assert wanted in slugs(dev, f"q={text}")[:10]


def test_a_meaning_is_found_without_its_words(dev: Client) -> None:
    found = Model.objects.filter(slug__in=slugs(dev, "q=read text out loud")[:10])
    assert any("audio" in (model.modalities_out or []) or "speech" in model.purpose.lower() for model in found)


def test_every_facet_counts_what_choosing_it_would_leave(cast: Cast, dev: Client) -> None:
    found = search.find(cast.dev, Asked(filters=Filters({"capability": ("tools",)})))
    counted = 0
    for facet in found.facets:
        for choice in facet.first[:3]:
            if choice.is_on:
                continue
            chosen = {"capability": ("tools",)}
            chosen[facet.key] = (*chosen.get(facet.key, ()), choice.value)
            left = search.find(cast.dev, Asked(filters=Filters(chosen))).page.paginator.count
            assert left == choice.count, (facet.key, choice.value)
            counted += 1
    assert counted > 10


def test_granted_to_me_is_of_the_person_who_asks(cast: Cast, dev: Client) -> None:
    grant(environment=cast.environment(), route=Route.objects.get(slug="smollm2"), by=cast.pat)
    assert slugs(dev, "granted=1") == ["smollm2-135m-instruct"]
    stranger = Client()
    stranger.force_login(cast.greta)
    assert slugs(stranger, "granted=1") == []


def test_suggested_begins_with_what_one_may_use_then_what_is_served_then_what_is_used_most(
    cast: Cast, dev: Client
) -> None:
    for slug in ("gpt-4o", "gpt-4.1"):
        Route.objects.create(slug=f"our-{slug}", model=Model.objects.get(slug=slug))
    grant(environment=cast.environment(), route=Route.objects.get(slug="our-gpt-4.1"), by=cast.pat)
    Model.objects.filter(slug="ada").update(recent_calls=7, status="proposed")
    Model.objects.filter(slug="gemini-2.5-flash").update(recent_calls=9, status="retired")
    first = slugs(dev, "limit=25")
    assert first[0] == "gpt-4.1"
    assert set(first[1:3]) == {"gpt-4o", "smollm2-135m-instruct"}
    assert first[3] == "ada"
    rest = Model.objects.in_bulk(first[4:], field_name="slug")
    assert all(Model.objects.filter(developer=model.developer).count() >= 10 for model in rest.values())
    released = [rest[slug].released_on for slug in first[4:]]
    assert released == sorted(released, key=lambda day: day or dt.date.min, reverse=True)


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_every_order_lose_and_double_nothing(dev: Client, sort: str) -> None:
    address, seen = f"/api/models/?sort={sort}&limit=200", []
    while address:
        page = dev.get(address).json()
        seen += [row["slug"] for row in page["results"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == Model.objects.count()


def test_prices_are_in_order(dev: Client) -> None:
    rows = dev.get("/api/models/?sort=price&limit=200").json()["results"]
    prices = [
        blended(Decimal(row["input_price"]), Decimal(row["output_price"]))
        for row in rows
        if row["input_price"] is not None and row["output_price"] is not None
    ]
    assert len(prices) > 100 and prices == sorted(prices, key=lambda price: price or 0)


def test_an_address_can_be_shared_and_its_list_taken_along(cast: Cast, dev: Client) -> None:
    query = "q=vision&capability=tools&sort=price"
    page = dev.get(f"/catalog/?{query}").content.decode()
    assert 'value="vision"' in page and "capability=tools" in page
    text = b"".join(dev.get(f"/catalog/export.csv?{query}").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = list(csv.DictReader(io.StringIO(text)))
    found = search.find(cast.dev, Asked("vision", Filters({"capability": ("tools",)}), "price"))
    assert len(lines) == found.page.paginator.count
    assert [line["slug"] for line in lines[:5]] == [row.model.slug for row in found.rows[:5]]


def test_a_cell_that_begins_like_a_formula_does_not_leave_as_one(dev: Client) -> None:
    Model.objects.filter(slug="gpt-4o").update(purpose="=HYPERLINK(1)")
    text = b"".join(dev.get("/catalog/export.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    [line] = [line for line in csv.DictReader(io.StringIO(text)) if line["slug"] == "gpt-4o"]
    assert line["purpose"] == "'=HYPERLINK(1)"


def test_nothing_found_offers_a_way_on(dev: Client) -> None:
    page = dev.get("/catalog/?q=zzzzqqqq").content.decode()
    assert "zzzzqqqq" in page and 'href="/catalog/"' in page
    assert "No model fits" in page and "<strong>0</strong> models" in page


@pytest.mark.parametrize("text", ["zzzzqqqq", "qwertz uiop", "lorem ipsum dolor", "kjhkjh 2983", "xyzzy", "🦄🦄"])
@pytest.mark.parametrize("filters", ["", "&kind=embedding", "&granted=1"])
def test_nonsense_finds_nothing(dev: Client, text: str, filters: str) -> None:
    assert slugs(dev, f"q={text}{filters}") == []


def palette(client: Client, text: str) -> str:
    return str(client.get(f"/palette/?q={text}", headers={"X-Palette": "1"}).content.decode())


@pytest.mark.parametrize("text", ["gpt-4o", "claude sonet", "smol", "anthropic"])
def test_the_palette_finds_models_by_what_they_are_called(dev: Client, text: str) -> None:
    assert "/catalog/models/" in palette(dev, text)


def test_the_palette_lists_no_model_for_a_word_that_no_name_has(cast: Cast, dev: Client) -> None:
    Tenant.objects.filter(pk=cast.acme.pk).update(name="Retail Banking")
    told = palette(dev, "retail")
    assert "Retail Banking" in told and "/catalog/models/" not in told


def test_the_palette_begins_with_the_group_in_which_something_is_called_so(cast: Cast, dev: Client) -> None:
    Tenant.objects.filter(pk=cast.acme.pk).update(name="Claude fans")
    told = palette(dev, "claude fans")
    assert "Claude fans" in told
    Tenant.objects.filter(pk=cast.acme.pk).update(name="Mini")
    told = palette(dev, "mini")
    assert told.index("/tenants/acme/") < told.index("/catalog/models/")


def test_five_are_compared_the_sixth_is_said_and_so_is_an_unknown_one(dev: Client) -> None:
    six = slugs(dev, "sort=name&limit=6")
    page = dev.get("/catalog/compare/?" + "&".join(f"m={slug}" for slug in [*six, "no-such-model"])).content.decode()
    assert all(f"/catalog/models/{slug}/" in page for slug in six[:5])
    assert "no-such-model" in page
    assert len(dev.get("/api/models/compare/?" + "&".join(f"m={slug}" for slug in six)).json()["models"]) == 5


def test_a_model_page_tells_facts_with_source_and_what_to_do_next(dev: Client) -> None:
    page = dev.get("/catalog/models/smollm2-135m-instruct/").content.decode()
    assert "/requests/new/access/smollm2" in page
    for tab in ("deployments", "pricing", "access", "usage", "changes"):
        assert dev.get(f"/catalog/models/smollm2-135m-instruct/?tab={tab}").status_code == 200
    priced = dev.get("/catalog/models/gpt-4o/").content.decode()
    assert "genai-prices" in priced
    missing = dev.get("/catalog/models/gpt-4oo/")
    assert missing.status_code == 404 and "gpt-4o" in missing.content.decode()


def compared(dev: Client, *names: str) -> dict[str, dict[str, list[bool]]]:
    """The facts of models side by side: what is marked best, by label."""
    told = dev.get("/api/models/compare/?" + "&".join(f"m={slug}" for slug in names)).json()
    return {row["label"]: row for row in told["facts"]}


def test_how_much_a_model_is_called_here_is_no_merit(dev: Client) -> None:
    Model.objects.filter(slug="gpt-4o").update(recent_calls=5000)
    assert compared(dev, "gpt-4o", "gpt-4.1")["Calls here in 30 days"]["best"] == [False, False]


def test_a_model_that_is_going_away_is_never_the_newest_and_its_end_is_marked(dev: Client) -> None:
    old, new = Model.objects.get(slug="gpt-4o"), Model.objects.get(slug="gpt-4.1")
    Model.objects.filter(pk=new.pk).update(status="deprecated", released_on="2026-01-02", deprecated_on="2027-01-02")
    Model.objects.filter(pk=old.pk).update(status="proposed", released_on="2025-01-02", deprecated_on=None)
    assert compared(dev, "gpt-4o", "gpt-4.1")["Released"]["best"] == [True, False]
    page = dev.get("/catalog/compare/?m=gpt-4o&m=gpt-4.1").content.decode()
    assert page.count("cat-against") == 2 and "going away" in page
