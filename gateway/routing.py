"""Decide which deployment a call is sent to, and in which order others are tried when one does not take it."""

from __future__ import annotations

from gateway.asked import Asked, InvalidRequest
from gateway.providers import provider_of
from gateway.snapshot import Route, Target


def targets_in_order(route: Route, asked: Asked) -> list[Target]:
    """The connected deployments of a route that can be asked this, the preferred one first. Raises `InvalidRequest`
    where none can."""
    connected = [target for target in route.targets if target.is_connected]
    able = [target for target in connected if not provider_of(target).cannot(asked)]
    if connected and not able:
        why = provider_of(connected[0]).cannot(asked)
        raise InvalidRequest(f"What serves “{route.slug}” cannot answer this as it is asked: {why}.")
    return able
