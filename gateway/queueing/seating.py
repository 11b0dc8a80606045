"""The deployments of a route one after another, each when it has room for the call: those that are full come last, and
are waited for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from gateway.metering import Meter
from gateway.queueing.waiting import Ticket, WaitingRoom
from gateway.rates import LargerThanLimit, refuse_larger
from gateway.snapshot import Target
from gateway.stop import Stop


class Seated:
    """An iterator over `targets`. While the call is at one, `meter` keeps its seat there."""

    def __init__(self, targets: Sequence[Target], room: WaitingRoom, meter: Meter, stop: Stop) -> None:
        self._left, self._room, self._meter, self._stop = list(targets), room, meter, stop
        self._full: list[Target] = []
        self._too_large: LargerThanLimit | None = None
        self._has_any = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Target:
        """Raises `LargerThanLimit` where no deployment takes a call of this size, and what `WaitingRoom.wait` does."""
        self._meter.stands_up()
        while self._left:
            target = self._left.pop(0)
            if self._is_taken(target):
                self._has_any = True
                return target
        if self._full:
            self._has_any = True
            return await self._wait()
        if self._too_large is not None and not self._has_any:
            raise self._too_large
        raise StopAsyncIteration

    def _is_taken(self, target: Target) -> bool:
        """Whether there is room at `target`, which the call then has."""
        bound = self._room.capacities.get(target.deployment_id)
        if bound is None:
            return True
        use = self._meter.expected_use
        try:
            refuse_larger(bound, use)
        except LargerThanLimit as error:
            self._too_large = error
            return False
        if (seat := self._room.seat_at(target, use)) is None:
            self._full.append(target)
            self._meter.passed_over(target, "full")
            return False
        self._meter.sits_down(seat)
        return True

    async def _wait(self) -> Target:
        ticket = Ticket(self._meter.admitted.place, list(self._full), self._meter.expected_use)
        began = time.monotonic()
        try:
            granted = await self._room.wait(ticket, self._meter.may_wait_until - began, self._stop)
        finally:
            self._meter.waited(time.monotonic() - began)
        self._full.remove(granted.target)
        self._meter.sits_down(granted.seat)
        return granted.target
