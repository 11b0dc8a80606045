"""The gateway as its own tests serve it, and how content is kept and looked at."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Route
from gateway import runtime
from tenants.models import Environment
from tests.cast import Cast
from tests.gateway.conftest import client, eventually, front, key, provider, route, sdk, team
from tests.gateway.dialects import speaks
from tests.gateway.provider import Provider
from tests.gateway.serving import Served
from usage.bodies.effective import at
from usage.bodies.keeping import NOTHING, Keeping
from usage.bodies.setting import set_retention
from usage.bodies.tables import Body
from usage.limits.places import of_environment

BOTH = Keeping(prompts=True, answers=True)
__all__ = ["client", "front", "key", "provider", "route", "sdk", "team"]


@pytest.fixture
def keeps(team: Cast, front: Served) -> Environment:
    """The environment of the key keeps what is asked and answered."""
    keep(team.environment(), BOTH, team.olivia)
    return team.environment()


@pytest.fixture
def platform(route: Route, provider: Provider) -> Provider:
    """The provider is OpenAI itself."""
    speaks("openai_platform", credential="sk-ours")
    return provider


def keep(environment: Environment, keeping: Keeping, by: Any) -> None:
    """State what is kept at an environment, and wait until the gateway of this process does so."""
    set_retention(place=of_environment(environment), keeping=keeping, by=by)
    eventually(lambda: kept_at(environment) == at(of_environment(environment)).keeping, 10)


def kept_at(environment: Environment) -> Keeping | None:
    """What the gateway of this process keeps there; None before it knows anything."""
    held = runtime.current_snapshot()
    if held is None:
        return None
    rule = held.bodies.get(environment.pk)
    return rule.keeping if rule else NOTHING


def stored(count: int = 1) -> list[Body]:
    """The contents that are kept, once there are `count`."""
    eventually(lambda: Body.objects.count() >= count, 60)
    return list(Body.objects.order_by("pk"))
