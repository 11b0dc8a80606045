"""The streams of this process: how many there may be, and their end with the process.

A server waits for its open answers before it stops, and these would never end by themselves.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from refusals import Refusal

MOST_IN_PROCESS, MOST_OF_PERSON = 200, 6
BEGINS_WITHIN_S = 10.0  # who asked may be gone before the first event

_taken: set[Seat] = set()
_ending: set[asyncio.AbstractEventLoop] = set()  # a server has one; tests have one after the other


class TooManyWatch(Refusal):
    """Streams are bounded; the page says so and can be loaded anew."""

    code = "too_many_live_streams"
    status = 429
    title = "Too many pages are watched live"


class ServerEnds(Refusal):
    """No stream opens any more; another process, or the next, takes it."""

    code = "shutting_down"
    status = 503
    title = "The server is being stopped"


class Seat:
    """Room for one stream of one person from `take` on: given back when the stream ends, or after a moment if none has
    begun by then. To be entered where the stream begins; what is given is set when it has to end."""

    def __init__(self, person: UUID) -> None:
        self.person, self.end, self.loop = person, asyncio.Event(), asyncio.get_running_loop()
        self._lapses = self.loop.call_later(BEGINS_WITHIN_S, self.give_back)
        _taken.add(self)

    def __enter__(self) -> asyncio.Event:
        self._lapses.cancel()
        return self.end  # set already if it begins too late

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        self.end.set()
        _taken.discard(self)


def take(person: UUID) -> Seat:
    """A seat for a stream of `person`; called in the loop that will send it, so nothing comes between asking whether
    there is room and taking it. Raises `TooManyWatch` and `ServerEnds`."""
    _forget_closed_loops()
    if asyncio.get_running_loop() in _ending:
        raise ServerEnds("This server is being stopped. The page connects anew by itself.", retry_after_s=2)
    if len(_taken) >= MOST_IN_PROCESS:
        raise TooManyWatch(
            "Too many people watch calls at the moment. Reload the page to see the newest.", retry_after_s=30
        )
    if sum(each.person == person for each in _taken) >= MOST_OF_PERSON:
        raise TooManyWatch(f"You watch calls on {MOST_OF_PERSON} pages already. Close one of them.", retry_after_s=10)
    return Seat(person)


async def pause(end: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the process ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(end.wait(), seconds)


def end_all() -> None:
    """This process ends; called in its loop. Its streams end, and no other one opens there."""
    loop = asyncio.get_running_loop()
    _ending.add(loop)
    for each in _taken:
        if each.loop is loop:
            each.end.set()


def _forget_closed_loops() -> None:
    _taken.difference_update([each for each in _taken if each.loop.is_closed()])
    _ending.difference_update([loop for loop in _ending if loop.is_closed()])
