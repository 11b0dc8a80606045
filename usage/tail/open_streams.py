"""The streams of this process: how many there may be, and their end with the process.

A server waits for its open answers before it stops, and these would never end by themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from refusals import Refusal

MOST_IN_PROCESS, MOST_OF_PERSON = 200, 6

_open: Counter[UUID] = Counter()
_ends: set[asyncio.Event] = set()


class TooManyWatch(Refusal):
    """Streams are bounded; the page says so and can be loaded anew."""

    code = "too_many_live_streams"
    status = 429
    title = "Too many pages are watched live"


def check_room(person: UUID) -> None:
    """Raises `TooManyWatch` where this process, or `person`, has as many streams as may be."""
    if _open.total() >= MOST_IN_PROCESS:
        raise TooManyWatch(
            "Too many people watch calls at the moment. Reload the page to see the newest.", retry_after_s=30
        )
    if _open[person] >= MOST_OF_PERSON:
        raise TooManyWatch(f"You watch calls on {MOST_OF_PERSON} pages already. Close one of them.", retry_after_s=10)


@contextmanager
def opened(person: UUID) -> Iterator[asyncio.Event]:
    """A stream of `person` is open; what is given is set when this process ends."""
    end = asyncio.Event()
    _open[person] += 1
    _ends.add(end)
    try:
        yield end
    finally:
        _ends.discard(end)
        _open[person] -= 1
        if not _open[person]:
            del _open[person]


async def pause(end: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the process ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(end.wait(), seconds)


def end_all() -> None:
    """This process ends; called in its loop."""
    for each in _ends:
        each.set()
