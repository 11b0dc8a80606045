"""The gateway as its own tests serve it, and how content is kept and looked at."""

from __future__ import annotations

from typing import Any

from gateway import runtime
from tenants.models import Environment
from tests.gateway.conftest import client, eventually, front, key, provider, route, sdk, team
from usage.bodies.effective import at
from usage.bodies.keeping import NOTHING, Keeping
from usage.bodies.setting import set_retention
from usage.bodies.tables import Body
from usage.limits.places import of_environment

__all__ = ["client", "front", "key", "provider", "route", "sdk", "team"]


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
