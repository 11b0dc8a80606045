"""The deployments for a call one after another, each when it has room: those that are full are waited for when no other
is left. Who has waited, or was elsewhere first, is sent by what is known and allowed then, and not as it came.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Self

from gateway.admission import Admitted, admit, as_known_now
from gateway.capping import no_longer_than
from gateway.metering import Meter
from gateway.queueing.refusals import FallbackFull
from gateway.queueing.waiting import Ticket, WaitingRoom
from gateway.rates import LargerThanLimit, refuse_larger
from gateway.routing import Attempt, Choice
from gateway.seat import Seat
from gateway.snapshot import Bounds, Route, Target
from gateway.stop import Stop
from refusals import Refusal


class Seated:
    """An iterator over what `choice` gives. While the call is at a deployment, `meter` keeps its seat there.

    Room is waited for before a deployment is asked that was passed over for having failed.
    """

    _too_large: LargerThanLimit | None = None
    _turned_away: FallbackFull | None = None
    _has_any = _is_late = False
    _admitted_by = 0  # the version of the snapshot; 0: the one of when it came

    def __init__(self, choice: Choice, room: WaitingRoom, meter: Meter, stop: Stop) -> None:
        self._choice, self._room, self._meter, self._stop = choice, room, meter, stop
        self._full: list[Attempt] = []
        self._admitted: Admitted = meter.admitted

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        """Raises `LargerThanLimit` where no deployment takes a call of this size, `FallbackFull`, what
        `WaitingRoom.wait` does, and what `admit` does where the call may not be made any more."""
        if self._has_any:
            self._meter.stands_up()
        while True:
            if self._is_late:
                self._look_again()
            while (attempt := self._choice.next(self._meter.admitted, may_hope=not self._full)) is not None:
                if self._is_late:
                    attempt = self._choice.again(attempt, self._admitted)
                if attempt is not None and self._is_taken(attempt):
                    return self._hands_out(attempt)
            if not self._full or self._choice.is_spent:
                break
            if self._choice.has_failed and time.monotonic() >= self._meter.may_wait_until:
                break  # the failure is told, and not that it may not wait
            if (attempt := await self._wait()) is not None:
                return self._hands_out(attempt)
        if self._too_large is not None and not self._has_any:
            raise self._too_large
        if self._turned_away is not None and not self._choice.has_failed:
            raise self._turned_away
        raise StopAsyncIteration

    def _hands_out(self, attempt: Attempt) -> Attempt:
        self._has_any = self._is_late = True
        return attempt

    def _is_taken(self, attempt: Attempt) -> bool:
        """Whether there is room at its deployment, which the call then has."""
        target, capacities = attempt.target, self._room.capacities
        bound = capacities.get(target.deployment_id)
        if bound is None and (attempt.route.id not in capacities or self._is_held(attempt)):
            return True
        use = self._meter.expected_use
        try:
            if bound is not None:
                refuse_larger(bound, use)
        except LargerThanLimit as error:
            self._too_large = error
            self._choice.says(target, "passed over: a call of this size is more than it takes")
            return False
        if (seat := self._room.seat_at(target, use)) is None:
            self._full.append(attempt)
            self._choice.says(target, "is full")
            return False
        return self._sits_down(attempt, seat)

    def _sits_down(self, attempt: Attempt, seat: Seat) -> bool:
        """Whether the call may have `seat`: of a fallback there has to be room at its route too, which is not waited
        for."""
        route, use = attempt.route, self._meter.expected_use
        bound = self._room.capacities.get(route.id) if route.id is not None and not self._is_held(attempt) else None
        if route.id is not None and bound is not None and not seat.takes_too([(route.id, bound)], use):
            seat.undo()
            self._choice.says(attempt.target, f"passed over: “{route.slug}” has as many calls as it takes")
            self._turned_away = self._full_fallback(route, bound)
            return False
        self._meter.sits_down(seat)
        return True

    def _full_fallback(self, route: Route, bound: Bounds) -> FallbackFull:
        """What is told where nobody else takes the call: no figure, as all tenants share the route."""
        obstacle = self._room.obstacle(route, bound, self._meter.expected_use)
        wait_s = obstacle.wait_s if obstacle is not None else 1
        return FallbackFull(
            f"Nothing that serves “{self._meter.admitted.route.slug}” may be asked at the moment, and its fallback "
            f"“{route.slug}” is busy: what it takes of all tenants together is used. It is not waited for. Try again "
            f"in {wait_s} s, or ask for another model.",
            retry_after_s=wait_s,
        )

    def _is_held(self, attempt: Attempt) -> bool:
        """Whether the call counts at the attempt's route already, as at the one that it came for."""
        return attempt.route.slug == self._meter.admitted.route.slug

    async def _wait(self) -> Attempt | None:
        """The first that has room; None where it is not asked any more, or none of them would be."""
        waiting = {each.target.deployment_id: each for each in self._full}
        targets = [each.target for each in self._full]

        def stands(target: Target) -> bool:
            return self._still_stands(waiting[target.deployment_id])

        ticket = Ticket(self._meter.admitted.place, targets, self._meter.expected_use, stands)
        began = time.monotonic()
        try:
            granted = await self._room.wait(ticket, self._meter.may_wait_until - began, self._stop)
        finally:
            self._meter.waited(time.monotonic() - began)
        self._is_late, self._has_any = True, True
        if granted is None:
            return None
        try:
            self._look_again()
            place = granted.target.deployment_id
            attempt = next((each for each in self._full if each.target.deployment_id == place), None)
            if attempt is None or not self._choice.may_go_on():
                granted.seat.undo()
                return None
        except BaseException:
            granted.seat.undo()
            raise
        self._full.remove(attempt)
        if not self._sits_down(attempt, granted.seat):
            return None
        self._choice.says(attempt.target, f"had room after {time.monotonic() - began:.1f} s")
        return attempt

    # --- what has changed meanwhile ----------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """Of those that were full keep who would be asked now. Raises what `admit` does, where none has failed yet."""
        try:
            self._admit()
        except Refusal:
            if self._choice.has_failed:  # which is told
                raise StopAsyncIteration from None
            raise
        renewed = [self._choice.again(each, self._admitted) for each in self._full]
        self._full = [each for each in renewed if each is not None]

    def _still_stands(self, attempt: Attempt) -> bool:
        """Whether it would be asked; asked for many that wait, so nothing is admitted anew by the same snapshot."""
        try:
            if self._room.snapshot.version != self._admitted_by:
                self._admit()
        except Refusal:  # which `_look_again` tells
            return False
        return self._choice.stands(attempt, self._admitted)

    def _admit(self) -> None:
        """By the snapshot in force, at this moment: what came, and not what an older one filled in, is sent with what
        its grant demands now. What the call has reserved stays, so what we bounded gets no longer."""
        snapshot, first = self._room.snapshot, self._meter.admitted
        caller = as_known_now(snapshot, first.caller)
        self._admitted = admit(snapshot, caller, first.came, first.request_id, dt.datetime.now(dt.UTC))
        self._meter.asked = no_longer_than(first.asked, self._admitted.asked)
        self._admitted_by = snapshot.version
