"""The life of what is behind a route: of the versions that its enabled deployments serve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from catalog.lifecycle.states import FURTHEST_FIRST, Lifecycle
from catalog.models import ModelVersion, Route, RouteTarget

# Of a version: whether a route that is on leads to it.
IS_SERVED = Exists(
    RouteTarget.objects.filter(deployment__version=OuterRef("pk"), deployment__is_enabled=True, route__is_enabled=True)
)


class Life(NamedTuple):
    """A state, and the day of its end where one is known."""

    state: Lifecycle
    ends_on: dt.date | None


def furthest(versions: Collection[ModelVersion]) -> Life:
    """The life of several versions together, at least one: that of the furthest. It ends when the last of those does
    that are as far."""
    state = min((Lifecycle(version.lifecycle) for version in versions), key=FURTHEST_FIRST.index)
    days = [each.ends_on or each.deprecated_on for each in versions if each.lifecycle == state]
    known = [day for day in days if day]
    return Life(state, max(known) if len(known) == len(days) else None)


def life_behind(route: Route) -> Life | None:
    """The life of what `route` leads to: it is retired where every version is. None where it leads to nothing."""
    rows = ModelVersion.objects.filter(deployments__targets__route=route, deployments__is_enabled=True)
    versions = list(rows.only("lifecycle", "ends_on", "deprecated_on"))
    return furthest(versions) if versions else None
