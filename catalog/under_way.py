"""How many calls are under way at a deployment. The gateway knows, floors above; the catalog asks before a drain.

The gateway registers who counts in its `apps.py`. Without it nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

_counting: list[Callable[[UUID], int]] = []


def register(counting: Callable[[UUID], int]) -> None:
    """Let `counting` answer, from a deployment's key."""
    _counting[:] = [counting]


def calls_under_way(deployment: UUID) -> int | None:
    """How many there are now in all gateway processes, as far as they have told; None where nobody counts."""
    return _counting[0](deployment) if _counting else None
