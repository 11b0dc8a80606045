"""The price that is shown before a call is the price that is charged for it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from catalog.models import Deployment, Model, ModelVersion, Provider
from catalog.publishing import Rate, deploy, publish_route
from playground.models import Answer
from tests.playground.conftest import Stage, form
from tests.playground.test_running import ledger
from usage.prices import set_price

pytestmark = pytest.mark.django_db(transaction=True)


def listed_elsewhere(stage: Stage, slug: str) -> Model:
    """A model of the catalog with a list price of a provider that is not connected."""
    model = Model.objects.create(slug=slug, name=slug, mode="chat")
    version = ModelVersion.objects.create(model=model, label="1")
    maker = Provider.objects.create(slug="maker", name="Maker")
    offer = Deployment.objects.create(version=version, provider=maker, upstream_name=slug)
    set_price(
        deployment=offer, input_per_million=Decimal("2.5"), output_per_million=Decimal(10), source="list",
        by=stage.cast.pat,
    )  # fmt: skip
    return model


def test_a_model_published_at_a_price_of_its_own_shows_it_everywhere(stage: Stage) -> None:
    model = listed_elsewhere(stage, "says-hi")
    dev = stage.signed_in(stage.cast.dev)
    assert "list price" in dev.get(model.get_absolute_url()).content.decode()

    own = Provider.objects.create(slug="own", name="Own cluster", base_url=stage.upstream.base_url)
    deployment = deploy(provider=own, upstream="says-hi", model=model, by=stage.cast.pat)
    route = publish_route(
        model=model, deployment=deployment, slug="says-hi", rate=Rate(Decimal(3), Decimal(15)), by=stage.cast.pat
    )
    stage.allow(route)

    head = dev.get("/playground/?m=says-hi").content.decode()
    assert 'data-input-price="3.000000" data-output-price="15.000000"' in head
    assert "$3.00" in head and "$2.50" not in head
    picker = dev.get("/playground/models/?environment=acme/support/development&q=says").content.decode()
    assert "$3.00 in, $15.00 out" in picker
    for address in (model.get_absolute_url(), "/catalog/?q=says-hi", "/catalog/compare/?m=says-hi"):
        page = dev.get(address).content.decode()
        assert "$15.00" in page and "$10.00" not in page and "list price" not in page, address
    [row] = dev.get("/api/models/?q=says-hi").json()["results"]
    assert (row["input_price"], row["output_price"], row["is_list_price"]) == ("3.000000", "15.000000", False)

    stage.run(stage.cast.dev, form("says-hi"))
    [call] = ledger(1)
    assert (call.input_per_million, call.output_per_million) == (Decimal(3), Decimal(15))
    assert call.cost == Answer.objects.get().cost == (11 * Decimal(3) + 1 * Decimal(15)) / 1_000_000


def test_the_price_list_of_a_served_model_tells_which_offer_is_charged(stage: Stage) -> None:
    model = listed_elsewhere(stage, "says-hi")
    own = Provider.objects.create(slug="own", name="Own cluster", base_url=stage.upstream.base_url)
    deployment = deploy(provider=own, upstream="says-hi", model=model, by=stage.cast.pat)
    publish_route(
        model=model, deployment=deployment, slug="says-hi", rate=Rate(Decimal(3), Decimal(15)), by=stage.cast.pat
    )
    page = stage.signed_in(stage.cast.dev).get(f"{model.get_absolute_url()}?tab=pricing").content.decode()
    assert re.search(r"Own cluster <span[^>]*>.*?served here", page, re.DOTALL)
    assert re.search(r"Maker <span[^>]*>list price", page)
