"""Prices are effective-dated: a change is a new row, and the lists show the cheapest in force."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.models import Entry
from catalog.models import Deployment, Model, Provider
from tests import cast as make
from tests.cast import Cast
from usage.models import Price
from usage.prices import PriceIsNegative, PriceStartsTooEarly, in_force, set_price, update_list_prices


@pytest.fixture
def deployment(cast: Cast) -> Deployment:
    make.route("echo")
    return Deployment.objects.get(upstream_name="echo")


def test_a_new_price_ends_the_one_before_it(cast: Cast, deployment: Deployment) -> None:
    set_price(
        deployment=deployment, input_per_million=Decimal("5"), output_per_million=Decimal("7"), source="us", by=cast.pat
    )
    now, before = Price.objects.order_by("-valid_from")
    assert (now.input_per_million, now.valid_until, before.valid_until) == (Decimal("5"), None, now.valid_from)
    assert in_force().get() == now
    assert in_force(now.valid_from - dt.timedelta(seconds=1)).get() == before
    assert Entry.objects.get(verb="price.set").facts["input_per_million"] == "5"


def test_the_same_price_again_is_no_change(cast: Cast, deployment: Deployment) -> None:
    again = [
        set_price(
            deployment=deployment,
            input_per_million=Decimal("5"),
            output_per_million=Decimal("7"),
            source="us",
            by=cast.pat,
        )
        for _ in range(2)
    ]
    assert again[0] == again[1] and Price.objects.count() == 2
    assert Entry.objects.filter(verb="price.set").count() == 1


def test_a_price_may_begin_later(cast: Cast, deployment: Deployment) -> None:
    tomorrow = timezone.now() + dt.timedelta(days=1)
    set_price(
        deployment=deployment,
        input_per_million=Decimal("0.5"),
        output_per_million=Decimal("0.5"),
        valid_from=tomorrow,
        source="us",
        by=cast.pat,
    )
    assert in_force().get().input_per_million == Decimal("1")
    assert in_force(tomorrow).get().input_per_million == Decimal("0.5")
    assert Model.objects.get().input_price == Decimal("1")
    update_list_prices([Model.objects.get().pk], at=tomorrow)
    assert Model.objects.get().input_price == Decimal("0.5")


def test_a_price_cannot_begin_before_the_last_one(cast: Cast, deployment: Deployment) -> None:
    with pytest.raises(PriceStartsTooEarly):
        set_price(
            deployment=deployment,
            input_per_million=Decimal("5"),
            output_per_million=Decimal("7"),
            valid_from=timezone.now() - dt.timedelta(days=999),
            source="us",
            by=cast.pat,
        )
    assert Price.objects.get().valid_until is None


@pytest.mark.parametrize("wrong", [Decimal("-0.01"), Decimal("NaN"), Decimal("Infinity")])
def test_a_price_below_zero_or_without_a_value_is_refused(cast: Cast, deployment: Deployment, wrong: Decimal) -> None:
    with pytest.raises(PriceIsNegative) as refused:
        set_price(
            deployment=deployment, input_per_million=Decimal("1"), output_per_million=wrong, source="us", by=cast.pat
        )
    assert refused.value.field == "output_per_million"


def test_lists_show_the_cheapest_offer_of_a_model(cast: Cast, deployment: Deployment) -> None:
    elsewhere = Provider.objects.create(slug="elsewhere", name="Elsewhere")
    second = Deployment.objects.create(version=deployment.version, provider=elsewhere, upstream_name="e")
    set_price(
        deployment=second, input_per_million=Decimal("0.9"), output_per_million=Decimal("0.8"), source="us", by=cast.pat
    )
    model = Model.objects.get()
    assert (model.input_price, model.output_price) == (Decimal("0.9"), Decimal("0.8"))
