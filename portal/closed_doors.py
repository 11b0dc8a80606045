"""What the edges and the shell say of tenants that are closed to who asks (`tenants.security.closing`).

A tenant that is closed is out of a person's scope, so that nothing of it is found. What is asked for by its own
identifier would be told as missing; where it may be the closed tenant's, that is said instead, whether or not there is
such a thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refusals import Refusal
from tenants import scope
from tenants.security.closing import Asked, Closed


def closed() -> tuple[Closed, ...]:
    """The tenants that are closed to who asks, the order theirs."""
    return scope.current().closed if scope.is_set() else ()


def asked_later() -> tuple[Asked, ...]:
    """The tenants that will ask who asks now for a second factor, the first one first."""
    return scope.current().later if scope.is_set() else ()


def instead_of_missing(parameters: Mapping[str, Any]) -> Refusal | None:
    """What to say where a thing named by the `parameters` of an address was not found; None: that it is missing."""
    doors = closed()
    if not doors or not parameters:
        return None
    if "slug" in parameters:
        return next((each.refusal() for each in doors if each.asked.slug == parameters["slug"]), None)
    return doors[0].refusal("This is not among what you may open now. If you expected it: ")
