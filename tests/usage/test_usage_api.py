"""Calls and figures over the API: the same rows and sums as on the pages, by cursor, with clear problems."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.utils.timezone import now

from tenants.models import Tenant
from tests.cast import Cast
from tests.usage.ledger_lines import called

pytestmark = pytest.mark.django_db


def test_calls_by_cursor(cast: Cast, client: Client) -> None:
    made = [str(called(cast.environment(), days_ago=n / 10).pk) for n in range(7)]
    called(cast.environment(of=cast.foreign_project))
    client.force_login(cast.vera)
    seen, address = [], "/api/usage/calls/?limit=3"
    while address:
        answer = client.get(address).json()
        seen += [call["id"] for call in answer["results"]]
        address = answer["next"]
    assert seen == made


def test_one_call(cast: Cast, client: Client) -> None:
    made = called(cast.environment())
    client.force_login(cast.vera)
    answer = client.get(f"/api/usage/calls/{made.pk}/").json()
    assert (answer["tenant"], answer["project"], answer["environment"]) == ("acme", "support", "development")
    assert Decimal(answer["cost"]) == Decimal("0.009036")
    client.force_login(cast.greta)
    assert client.get(f"/api/usage/calls/{made.pk}/").status_code == 404


def test_figures(cast: Cast, client: Client) -> None:
    called(cast.environment(), cost=Decimal("1"), route="a")
    called(cast.environment(), cost=Decimal("2"), route="b", days_ago=40)
    called(cast.environment(of=cast.foreign_project), cost=Decimal("50"))
    client.force_login(cast.vera)
    answer = client.get("/api/usage/figures/?by=route").json()
    assert (Decimal(answer["now"]["cost"]), Decimal(answer["before"]["cost"])) == (1, 2)
    assert [
        (line["value"], Decimal(line["now"]["cost"]), Decimal(line["cost_before"])) for line in answer["lines"]
    ] == [
        ("a", 1, 0),
        ("b", 0, 2),
    ]
    assert answer["latency"]["p95_ms"] == 2400 and len(answer["days"]) == 30


def test_what_is_not_understood_is_a_problem(cast: Cast, client: Client) -> None:
    client.force_login(cast.vera)
    for address in ("/api/usage/figures/?period=forever", "/api/usage/calls/?outcome=x", "/api/usage/calls/?since=x"):
        response = client.get(address)
        assert response.status_code == 422 and response["Content-Type"] == "application/problem+json", address
    assert client.get("/api/usage/calls/not-a-uuid/").status_code == 404


@pytest.mark.parametrize("how", ["network", "second factor"])
def test_one_s_own_calls_in_a_tenant_that_is_closed_are_not_shown(cast: Cast, how: str) -> None:
    """They are seen everywhere else, also where one is no member any more; looking at them opens no tenant."""
    here = called(cast.environment(), by=cast.dev)
    there = called(cast.environment(of=cast.foreign_project), by=cast.dev)
    client = Client()
    client.force_login(cast.dev)
    shown = {each["id"] for each in client.get("/api/usage/calls/").json()["results"]}
    assert shown == {str(here.pk), str(there.pk)}
    networks = {"allowed_networks": ["203.0.113.0/24"]}
    Tenant.objects.filter(pk=cast.acme.pk).update(**networks if how == "network" else {"second_factor_from": now()})
    assert [each["id"] for each in client.get("/api/usage/calls/").json()["results"]] == [str(there.pk)]
    assert client.get(f"/api/usage/calls/{here.pk}/").status_code == 403
    for path in ("/usage/calls/", "/usage/", "/usage/calls/export.csv"):
        answer = client.get(path)
        told = answer.getvalue() if answer.streaming else answer.content
        assert b"acme/support" not in told, path
