"""What changed on a model version, in one feed: with before and after, and whether a decision may rest on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.changes import telling
from catalog.models import Change, ModelVersion
from tests.cast import Cast, route
from usage.prices import set_price


@pytest.fixture
def version(cast: Cast) -> ModelVersion:
    return route().targets.get().deployment.version


@pytest.fixture
def pat(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.pat)
    return client


def priced(version: ModelVersion, amount: str, cast: Cast) -> None:
    set_price(
        deployment=version.deployments.get(), input_per_million=Decimal(amount), output_per_million=Decimal(2),
        source="contract", by=cast.fin,
    )  # fmt: skip


def feed(client: Client, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/model-changes/", asked).json()
    return found


@pytest.mark.parametrize(("amount", "matters"), [("1.05", False), ("1.10", False), ("1.11", True), ("0.5", False)])
def test_a_price_matters_once_it_is_more_than_a_tenth_dearer(
    version: ModelVersion, cast: Cast, pat: Client, amount: str, matters: bool
) -> None:
    priced(version, amount, cast)
    told = Change.objects.get(version=version, kind="price")
    assert told.matters == matters and "1" in told.before and amount in told.after
    assert [each["kind"] for each in feed(pat)] == (["price"] if matters else [])
    assert [each["kind"] for each in feed(pat, matters="0")] == ["price"]


def test_the_region_of_a_deployment_and_of_its_provider_matter(version: ModelVersion, cast: Cast, pat: Client) -> None:
    deployment = version.deployments.get()
    assert pat.patch("/api/providers/echo/", {"region": "us-east"}, "application/json").status_code == 200
    assert pat.patch(f"/api/deployments/{deployment.pk}/", {"region": "eu"}, "application/json").status_code == 200
    assert pat.patch("/api/providers/echo/", {"region": "eu"}, "application/json").status_code == 200
    told = [(each["before"], each["after"], each["version"]) for each in feed(pat)]
    assert told == [(None, "us-east", "1"), (None, "eu", "1")], "of its own region the provider's is nothing to it"


def test_a_provider_that_goes_matters(version: ModelVersion, pat: Client) -> None:
    assert pat.post("/api/providers/echo/disconnect/", content_type="application/json").status_code == 200
    assert [(each["kind"], each["before"], each["after"]) for each in feed(pat)] == [("provider", "Echo", None)]


def test_the_feed_goes_on_where_one_was(version: ModelVersion, cast: Cast, pat: Client) -> None:
    priced(version, "5", cast)
    (first,) = feed(pat)
    assert first["model"] == "echo-model" and first["version"] == "1"
    priced(version, "50", cast)
    later = feed(pat, after=first["id"])
    assert len(later) == 1 and later[0]["id"] > first["id"]
    assert pat.get("/api/model-changes/?after=x").status_code == 422
    page = pat.get("/catalog/models/echo-model/?tab=changes&matters=1").content.decode()
    assert page.count("Price of echo-model at Echo") == 2 and "matters" in page


def test_rooms_above_are_told_in_the_same_transaction(
    version: ModelVersion, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Change] = []
    monkeypatch.setattr(telling, "_listeners", [heard.extend])
    priced(version, "5", cast)
    assert [(each.kind, each.matters, each.pk is not None) for each in heard] == [("price", True, True)]
