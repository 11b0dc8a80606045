"""Prices are effective-dated: a change is a new row, and the lists show the cheapest in force."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.models import Entry
from catalog.models import Deployment, Model, Provider, Route, RouteTarget
from catalog.providers import disconnect
from catalog.publishing import disable_route, enable_route
from tenants.models import User
from tests import cast as make
from tests.cast import Cast
from usage import list_prices
from usage.models import Price
from usage.prices import PriceIsNegative, PriceIsTooHigh, PriceStartsTooEarly, in_force, set_price


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
    list_prices.write([Model.objects.get().pk], at=tomorrow)
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


def elsewhere(deployment: Deployment, price: str, *, by: User) -> Deployment:
    """Another provider's offer of the same model, not served here."""
    provider = Provider.objects.create(slug=f"at-{price}", name=f"At {price}")
    other = Deployment.objects.create(version=deployment.version, provider=provider, upstream_name="e")
    set_price(deployment=other, input_per_million=Decimal(price), output_per_million=Decimal(price), source="us", by=by)
    return other


def shown() -> tuple[Decimal | None, Decimal | None]:
    model = Model.objects.get()
    return model.input_price, model.output_price


def test_lists_show_what_a_call_is_charged_and_not_what_others_would_ask(cast: Cast, deployment: Deployment) -> None:
    elsewhere(deployment, "0.9", by=cast.pat)
    assert shown() == (Decimal("1"), Decimal("2"))


def test_lists_show_the_cheapest_list_price_of_a_model_that_is_not_served(cast: Cast, deployment: Deployment) -> None:
    elsewhere(deployment, "0.9", by=cast.pat)
    disable_route(route=Route.objects.get(), by=cast.pat)
    assert shown() == (Decimal("0.9"), Decimal("0.9"))
    enable_route(route=Route.objects.get(), by=cast.pat)
    assert shown() == (Decimal("1"), Decimal("2"))
    disconnect(provider=Provider.objects.get(slug="echo"), by=cast.pat)
    assert shown() == (Decimal("0.9"), Decimal("0.9"))


def test_lists_show_no_price_where_what_is_served_has_none(cast: Cast, deployment: Deployment) -> None:
    elsewhere(deployment, "0.9", by=cast.pat)
    Price.objects.filter(deployment=deployment).delete()
    list_prices.write()
    assert shown() == (None, None)


def test_of_several_deployments_the_one_that_is_tried_first_counts(cast: Cast, deployment: Deployment) -> None:
    cheap = elsewhere(deployment, "0.1", by=cast.pat)
    Provider.objects.filter(pk=cheap.provider_id).update(base_url="http://127.0.0.1:9/v1")
    RouteTarget.objects.create(route=Route.objects.get(), deployment=cheap, priority=2)
    list_prices.write()
    assert shown() == (Decimal("1"), Decimal("2"))


@pytest.mark.parametrize("field", ["input_per_million", "output_per_million", "cached_input_per_million"])
def test_a_price_that_nobody_can_mean_is_refused(cast: Cast, deployment: Deployment, field: str) -> None:
    amounts = {"input_per_million": Decimal(1), "output_per_million": Decimal(1), field: Decimal(1_000_000)}
    with pytest.raises(PriceIsTooHigh, match="less than 1,000,000 per million"):
        set_price(deployment=deployment, **amounts, source="us", by=cast.pat)  # type: ignore[arg-type]
    assert Price.objects.count() == 1
