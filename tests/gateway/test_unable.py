"""A deployment that cannot be asked something is passed over, and what another one may bill is in one row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Route
from tests.cast import Cast
from tests.gateway.behaviours import breaks_off, second_target
from tests.gateway.conftest import HELLO, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Provider
from usage.limits.budgets import set_budget
from usage.limits.places import of_tenant
from usage.models import Call

# Anthropic's kind cannot be asked this, which only shows when the request is made.
ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "functions": [{"name": "look"}], "max_tokens": 5}


@pytest.fixture
def both(route: Route, provider: Provider) -> Route:
    """`echo-model` is served by `echo` first, by `other` after that."""
    second_target(route, provider, first_url=provider.url)
    return route


def test_the_next_deployment_is_asked_what_the_first_cannot_be_asked(
    both: Route, front_with: Any, key: str, provider: Provider
) -> None:
    speaks("anthropic")
    with front_with(key) as client:
        answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.headers["x-atrium-deployment"]) == (200, "other/other-name")
    assert [call.provider for call in kept()] == ["other"] and len(provider.exchanges) == 1


def test_it_is_refused_where_none_can_be_asked(both: Route, front_with: Any, key: str, provider: Provider) -> None:
    speaks("anthropic")
    speaks("anthropic", slug="other")
    with front_with(key) as client:
        error = client.post("/v1/chat/completions", json=ASKED).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_request", "functions")
    assert not provider.exchanges and not Call.objects.exists()


def test_what_failed_is_told_and_charged_once_where_the_next_cannot_be_asked(
    both: Route, front_with: Any, key: str, provider: Provider
) -> None:
    speaks("anthropic", slug="other")
    provider.behaves(breaks_off)
    with front_with(key) as client:
        answer = client.post("/v1/chat/completions", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_dropped")
    call = kept().get()
    assert (call.provider, call.error_code) == ("echo", "provider_dropped") and call.input_tokens > 0


def test_what_failed_is_charged_once_where_nothing_is_left_for_another(
    team: Cast, both: Route, front_with: Any, key: str, provider: Provider
) -> None:
    asked = {name: value for name, value in ASKED.items() if name != "functions"}
    set_budget(place=of_tenant(team.acme), amount=Decimal("0.000031"), is_hard=True, by=team.pat)
    provider.behaves(breaks_off)
    with front_with(key) as client:
        assert client.post("/v1/chat/completions", json=asked).status_code == 502
    charged = [call.input_tokens for call in kept(2) if call.input_tokens]
    assert len(charged) == 1 and len(provider.exchanges) == 1
