"""What a provider writes to its cache has a price of its own, where one is set: told, noted, reserved and billed."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.test import Client

from catalog.models import Deployment, Route
from gateway.costing import greatest_cost
from gateway.delivery import priced
from gateway.forms.chat import CHAT
from gateway.runtime import current_snapshot
from tenants.changes import announce
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Provider
from usage.models import Price
from usage.pricing import cost

ASKED = {"model": "echo-model", "messages": HELLO, "max_tokens": 9}
SAID = {
    "id": "m", "type": "message", "role": "assistant", "model": "x", "content": [{"type": "text", "text": "Yes."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 4, "cache_creation_input_tokens": 1000,
              "cache_read_input_tokens": 200},
}  # fmt: skip
BEDROCK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}, "stopReason": "end_turn",
    "usage": {"inputTokens": 10, "outputTokens": 4, "cacheReadInputTokens": 200, "cacheWriteInputTokens": 1000},
}  # fmt: skip


def costs(**more: Any) -> None:
    """The deployment costs 3 in, 15 out, 0.30 for what is read from a cache, and `more`."""
    row = {"input_per_million": 3, "output_per_million": 15, "cached_input_per_million": Decimal("0.3")} | more
    deployment = Deployment.objects.get()
    Price.objects.create(deployment=deployment, valid_from=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), source="test", **row)
    announce("price")


def in_force() -> Any:
    """The price that the gateway holds."""

    def held() -> Any:
        snapshot = current_snapshot()
        return snapshot and snapshot.routes["echo-model"].targets[0].prices

    return eventually(held)[0]


@pytest.mark.parametrize(("kind", "said"), [("anthropic", SAID), ("bedrock", BEDROCK)])
@pytest.mark.parametrize(
    ("more", "amount"),
    [({"cache_write_per_million": Decimal("3.75")}, "0.0039"), ({}, "0.00315")],
    ids=["with a price", "without"],
)
def test_it_is_billed_at_its_price_and_else_as_other_input(
    route: Route, provider: Provider, front_with: Any, key: str, pat_page: Client,
    kind: str, said: Any, more: Any, amount: str,
) -> None:  # fmt: skip
    speaks(kind)
    Price.objects.all().delete()
    costs(**more)
    provider.behaves(answers(200, json.dumps(said).encode()))
    with front_with(key) as client:
        answer = client.post("/v1/chat/completions", json=ASKED)
    details = answer.json()["usage"]["prompt_tokens_details"]
    assert details == {"cached_tokens": 200, "cache_creation_tokens": 1000}
    call = kept().get()
    assert (call.input_tokens, call.cached_input_tokens, call.cache_write_tokens) == (1210, 200, 1000)
    assert call.cost == Decimal(amount) == Decimal(answer.headers["x-atrium-cost"])
    page = pat_page.get(f"/usage/calls/{call.pk}/").content.decode()
    assert "input written to a cache" in page and "The ledger holds" not in page  # the sum is explained


def test_clients_of_anthropics_form_are_told_it_of_other_kinds_too(
    route: Route, provider: Provider, front_with: Any, key: str
) -> None:
    speaks("bedrock")
    provider.behaves(answers(200, json.dumps(BEDROCK).encode()))
    with front_with(key) as client:
        used = client.post("/v1/messages", json=ASKED).json()["usage"]
    assert (used["input_tokens"], used["cache_creation_input_tokens"], used["cache_read_input_tokens"]) == (
        10,
        1000,
        200,
    )


def test_the_most_that_a_call_can_cost_is_all_of_it_written(client: httpx.Client) -> None:
    Price.objects.all().delete()
    costs(cache_write_per_million=Decimal(6))
    eventually(lambda: in_force().cache_write_per_million == 6)
    snapshot = current_snapshot()
    assert snapshot is not None
    now = dt.datetime.now(dt.UTC)
    most = greatest_cost([snapshot.routes["echo-model"]], CHAT.read(ASKED), now)["USD"]
    Price.objects.update(cache_write_per_million=Decimal(1))
    announce("price")
    eventually(lambda: in_force().cache_write_per_million == 1)
    snapshot = current_snapshot()
    assert snapshot is not None
    less = greatest_cost([snapshot.routes["echo-model"]], CHAT.read(ASKED), now)["USD"]
    output = Decimal(9 * 15) / 1_000_000
    assert most - output == 2 * (less - output)


def test_no_more_is_written_than_there_is(client: httpx.Client) -> None:
    costs_of: Any = Price(
        input_per_million=Decimal(2), output_per_million=Decimal(0), cached_input_per_million=Decimal(1),
        cache_write_per_million=Decimal(4),
    )  # fmt: skip
    assert cost(costs_of, 10, 0, 4, 100) == Decimal("0.000028")  # 4 read, the other 6 written
    assert cost(costs_of, 10, 0, 4, -5) == Decimal("0.000016")


def test_a_row_of_an_earlier_release_is_priced_as_it_was() -> None:
    row = {"input_per_million": "3", "output_per_million": "15", "cached_input_per_million": None,
           "input_tokens": 10, "output_tokens": 4, "cached_input_tokens": 0}  # fmt: skip
    assert priced(row)["cost"] == "0.000090"


def test_the_price_is_set_on_the_page_and_by_the_api(route: Route, pat_page: Client) -> None:
    deployment = Deployment.objects.get()
    given = {"input_per_million": "3", "output_per_million": "15", "cache_write_per_million": "3.75", "source": "list"}
    told = pat_page.post(
        "/api/prices/", given | {"deployment": str(deployment.pk)}, content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )  # fmt: skip
    assert told.status_code == 201 and told.json()["cache_write_per_million"] == "3.750000"
    page = pat_page.get(f"/usage/prices/{deployment.pk}/").content.decode()
    assert 'name="cache_write_per_million" value="3.750000"' in page
    assert "3.75" in pat_page.get(f"/catalog/models/{route.model.slug}/?tab=pricing").content.decode()
    told = pat_page.post(
        "/api/prices/", given | {"deployment": str(deployment.pk), "cache_write_per_million": "-1"},
        content_type="application/json", headers={"Idempotency-Key": "l"},
    )  # fmt: skip
    assert told.status_code == 422


@pytest.fixture
def pat_page(team: Cast) -> Client:
    """A browser of the platform team, who may set prices and see every call."""
    made = Client()
    made.force_login(team.pat)
    return made
