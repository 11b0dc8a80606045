"""Who holds “Set prices” sets them, on a page and by the API: now or later, never in the past, with an audit entry."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from catalog.models import Deployment, Model
from portal.clock import schedule
from tests import cast as make
from tests.cast import Cast
from usage.models import Price
from usage.tasks import bring_prices_to_lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(cast: Cast) -> Deployment:
    make.route("echo")
    return Deployment.objects.get(upstream_name="echo")


@pytest.fixture
def fin(cast: Cast, client: Client) -> Client:
    client.force_login(cast.fin)
    return client


def sent(client: Client, deployment: Deployment, **changes: Any) -> Any:
    """The form as FinOps sends it."""
    given = {"input_per_million": "3", "output_per_million": "9", "currency": "USD", "source": "contract 7",
             "once": str(uuid.uuid4())}  # fmt: skip
    return client.post(f"/usage/prices/{deployment.pk}/", given | changes)


def posted(client: Client, deployment: Deployment, **changes: Any) -> Any:
    given = {"deployment": str(deployment.pk), "input_per_million": "3", "output_per_million": "9", "source": "c 7"}
    return client.post("/api/prices/", json.dumps(given | changes), "application/json")


def test_it_works(fin: Client, deployment: Deployment) -> None:
    page = fin.get("/catalog/models/echo/?tab=pricing").content.decode()
    assert f'href="/usage/prices/{deployment.pk}/"' in page
    assert "in force" in fin.get(f"/usage/prices/{deployment.pk}/").content.decode()
    assert sent(fin, deployment, cached_input_per_million="0.3", reason="New contract").status_code == 302
    price = deployment.prices.get(valid_until=None)
    assert (price.input_per_million, price.output_per_million, price.cached_input_per_million) == (3, 9, Decimal("0.3"))
    facts = Entry.objects.get(verb="price.set").facts
    assert (facts["reason"], facts["source"], facts["currency"]) == ("New contract", "contract 7", "USD")
    assert Model.objects.get().input_price == 3


def test_a_form_sent_twice_sets_one_price(fin: Client, deployment: Deployment) -> None:
    for amount in ("3", "4"):
        sent(fin, deployment, once="one-press", input_per_million=amount)
    assert deployment.prices.count() == 2


def test_a_price_set_for_later_is_shown_as_scheduled_and_reaches_the_lists_when_it_begins(
    fin: Client, deployment: Deployment
) -> None:
    later = timezone.now() + dt.timedelta(days=2)
    assert sent(fin, deployment, valid_from=f"{later:%Y-%m-%dT%H:%M}").status_code == 302
    price = deployment.prices.get(valid_until=None)
    assert abs(price.valid_from - later) < dt.timedelta(minutes=1)
    for path in ("/catalog/models/echo/?tab=pricing", f"/usage/prices/{deployment.pk}/"):
        page = fin.get(path).content.decode()
        assert "scheduled" in page and "in force" in page, path
    assert "$1.00" in fin.get("/catalog/models/echo/?tab=deployments").content.decode()
    assert [row["id"] for row in fin.get("/api/prices/?show=scheduled").json()["results"]] == [str(price.pk)]
    bring_prices_to_lists()
    assert Model.objects.get().input_price in (None, 1)
    past = timezone.now() - dt.timedelta(hours=1)  # two days go by
    Price.objects.filter(valid_until=None).update(valid_from=past, set_at=past - dt.timedelta(days=2))
    Price.objects.exclude(pk=price.pk).update(valid_until=past)
    bring_prices_to_lists()
    assert Model.objects.get().input_price == 3
    assert "usage.bring_prices_to_lists" in schedule()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_per_million", "-1"),
        ("output_per_million", "1000000"),
        ("currency", "dollars"),
        ("source", ""),
        ("valid_from", "2026-01-01T00:00"),
    ],
)
def test_what_cannot_be_a_price_is_refused_beside_its_field(
    fin: Client, deployment: Deployment, field: str, value: str
) -> None:
    answer = sent(fin, deployment, **{field: value})
    assert answer.status_code == 422 and answer.context["form"].errors.get(field)
    assert posted(fin, deployment, **{field: value}).status_code in (409, 422)
    assert deployment.prices.count() == 1


def test_a_past_moment_would_change_what_was_billed(fin: Client, deployment: Deployment) -> None:
    yesterday = timezone.now() - dt.timedelta(days=1)
    answer = posted(fin, deployment, valid_from=yesterday.isoformat())
    assert (answer.status_code, answer.json()["code"]) == (422, "price_begins_in_the_past")
    assert answer.json()["field"] == "valid_from"


def test_the_api_sets_and_lists_prices(fin: Client, deployment: Deployment) -> None:
    made = posted(fin, deployment, currency="EUR").json()
    assert (made["model"], made["currency"], Decimal(made["input_per_million"])) == ("echo", "EUR", 3)
    shown = {name: fin.get(f"/api/prices/?model=echo&show={name}").json()["results"] for name in ("in_force", "past")}
    assert [row["id"] for row in shown["in_force"]] == [made["id"]] and len(shown["past"]) == 1
    assert fin.get("/api/prices/?show=some").status_code == 422
    assert posted(fin, Deployment(pk=uuid.uuid4())).status_code == 404


@pytest.mark.parametrize("name", ["olivia", "dev", "ada", "ned", "rita"])
def test_others_read_prices_and_set_none(cast: Cast, deployment: Deployment, name: str) -> None:
    client = Client()
    client.force_login(getattr(cast, name))
    assert "Set price" not in client.get("/catalog/models/echo/?tab=pricing").content.decode()
    assert sent(client, deployment).status_code == posted(client, deployment).status_code == 403
    assert len(client.get("/api/prices/").json()["results"]) == deployment.prices.count() == 1
