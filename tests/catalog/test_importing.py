"""The import: what it brings, that it can be run again, and what it says when the price list changed."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.models import Entry
from audit.record import SYSTEM
from catalog.importing import offers
from catalog.importing.run import import_catalog
from catalog.lifecycle.moving import move
from catalog.lifecycle.states import Verb
from catalog.models import Deployment, Fact, ImportRun, Model, ModelVersion, Provider, Route, RouteTarget
from usage.models import Price

pytestmark = pytest.mark.django_db


def test_it_brings_real_models_of_many_providers_with_prices(imported: ImportRun) -> None:
    assert Model.objects.count() >= 300
    assert Provider.objects.filter(deployments__isnull=False).distinct().count() >= 15
    assert Price.objects.count() >= Model.objects.count()
    assert imported.finished_at is not None and imported.report["counts"]
    assert Entry.objects.filter(verb="catalog.imported", subject_id=str(imported.pk)).count() == 1
    assert Route.objects.get(slug="smollm2").is_enabled


def test_every_fact_says_where_it_is_from_and_of_when(imported: ImportRun) -> None:
    assert Fact.objects.count() > 1000
    assert not Fact.objects.filter(source="").exists()
    assert Fact.objects.filter(as_of__gt=timezone.now().date()).count() == 0


def test_a_second_run_changes_nothing(imported: ImportRun) -> None:
    before = list(Model.objects.order_by("pk").values_list("pk", "slug", "input_price"))
    again = import_catalog(by=SYSTEM)
    assert again.report["counts"] == {}
    assert list(Model.objects.order_by("pk").values_list("pk", "slug", "input_price")) == before


def test_a_new_price_is_reported_and_the_old_one_stays_in_the_history(imported: ImportRun) -> None:
    found = offers.read(timezone.now())
    place, offer = next((n, o) for n, o in enumerate(found) if o.rates and o.rates[-1].input)
    dearer = dataclasses.replace(offer.rates[-1], input=offer.rates[-1].input + Decimal(1))
    found[place] = dataclasses.replace(offer, rates=[*offer.rates[:-1], dearer])
    prices = Price.objects.count()
    again = import_catalog(by=SYSTEM, found=found)
    assert again.report["counts"].get("prices changed", 0) >= 1
    assert again.report["examples"]["prices changed"]
    assert Price.objects.count() > prices


def test_what_a_provider_no_longer_lists_is_kept_and_said(imported: ImportRun) -> None:
    gone = {offer.provider.slug for offer in offers.read(timezone.now())}.pop()
    count = Model.objects.count()
    again = import_catalog(
        by=SYSTEM, found=[offer for offer in offers.read(timezone.now()) if offer.provider.slug != gone]
    )
    assert again.report["counts"]
    assert Model.objects.count() == count
    assert Deployment.objects.filter(provider__slug=gone).exists()


def test_what_people_said_of_the_local_models_life_stands(imported: ImportRun) -> None:
    version = Route.objects.get(slug="smollm2").targets.get().deployment.version
    for verb, state in ((Verb.REOPEN, "proposed"), (Verb.RETIRE, "retired")):
        move(version=version, verb=verb, reason="We said so", by=SYSTEM)
        import_catalog(by=SYSTEM)
        version.refresh_from_db()
        assert version.lifecycle == state


def test_a_version_that_a_served_deployment_moves_to_is_in_use(imported: ImportRun) -> None:
    deployment = Deployment.objects.filter(source="import", gone_at=None, version__lifecycle="proposed").first()
    assert deployment is not None
    right = deployment.version
    other = ModelVersion.objects.create(model=right.model, label="of yesterday")
    Deployment.objects.filter(pk=deployment.pk).update(version=other)
    route = Route.objects.create(slug="a-route-of-this-test", model=right.model)
    RouteTarget.objects.create(route=route, deployment=deployment)
    import_catalog(by=SYSTEM)
    right.refresh_from_db()
    assert right.lifecycle == "in_use" and right.steps.get().verb == Verb.USE
