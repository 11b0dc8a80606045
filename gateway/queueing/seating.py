"""The deployments for a call one after another, each when it has room: those that are full are waited for when no other
is left."""

from __future__ import annotations

import time
from typing import Self

from gateway.metering import Meter
from gateway.queueing.waiting import Ticket, WaitingRoom
from gateway.rates import LargerThanLimit, refuse_larger
from gateway.routing import Attempt, Choice
from gateway.snapshot import Target
from gateway.stop import Stop


class Seated:
    """An iterator over what `choice` gives. While the call is at a deployment, `meter` keeps its seat there.

    Room is waited for before a deployment is asked that was passed over for having failed.
    """

    def __init__(self, choice: Choice, room: WaitingRoom, meter: Meter, stop: Stop) -> None:
        self._choice, self._room, self._meter, self._stop = choice, room, meter, stop
        self._full: list[Attempt] = []
        self._too_large: LargerThanLimit | None = None
        self._has_any = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        """Raises `LargerThanLimit` where no deployment takes a call of this size, and what `WaitingRoom.wait` does."""
        self._meter.stands_up()
        while (attempt := self._choice.next(self._meter.admitted, may_hope=not self._full)) is not None:
            if self._is_taken(attempt):
                self._has_any = True
                return attempt
        if self._full and not self._choice.is_spent:
            self._has_any = True
            return await self._wait()
        if self._too_large is not None and not self._has_any:
            raise self._too_large
        raise StopAsyncIteration

    def _is_taken(self, attempt: Attempt) -> bool:
        """Whether there is room at its deployment, which the call then has."""
        target = attempt.target
        bound = self._room.capacities.get(target.deployment_id)
        if bound is None:
            return True
        use = self._meter.expected_use
        try:
            refuse_larger(bound, use)
        except LargerThanLimit as error:
            self._too_large = error
            self._choice.says(target, "passed over: a call of this size is more than it takes")
            return False
        if (seat := self._room.seat_at(target, use)) is None:
            self._full.append(attempt)
            self._choice.says(target, "is full")
            return False
        self._meter.sits_down(seat)
        return True

    async def _wait(self) -> Attempt:
        targets: list[Target] = [each.target for each in self._full]
        ticket = Ticket(self._meter.admitted.place, targets, self._meter.expected_use)
        began = time.monotonic()
        try:
            granted = await self._room.wait(ticket, self._meter.may_wait_until - began, self._stop)
        finally:
            self._meter.waited(time.monotonic() - began)
        attempt = next(each for each in self._full if each.target is granted.target)
        self._full.remove(attempt)
        self._meter.sits_down(granted.seat)
        self._choice.says(attempt.target, f"had room after {time.monotonic() - began:.1f} s")
        return attempt
