"""Calls that wait for room at the deployments of their route, and are given it in a fair order as it comes.

A call waits at every deployment that could answer it and gets the first that has room. It has a deadline, and there is
a bound for each tenant and for all. Whoever leaves is gone at once and has cost nothing.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from gateway import telemetry
from gateway.queueing.among_processes import Shares
from gateway.queueing.fair import FairQueue
from gateway.queueing.refusals import NoRoom, QueueFull, WaitedTooLong
from gateway.rates import CONCURRENT, Obstacle, Rates, Use
from gateway.seat import Seat
from gateway.snapshot import Bounds, Place, Route, Snapshot, Target
from gateway.stop import Stop
from refusals import Refusal

LOOK_EVERY_S = 0.1  # room also comes with time, from other processes, and with a change of a limit
SMOOTHING = 0.2  # of how long it takes until the next one gets room
IDLE_S = 30.0  # after so long what was measured tells nothing any more


class Granted(NamedTuple):
    target: Target
    seat: Seat


class Ticket:
    """One call that waits, of a tenant in an environment, for one of `targets`; only for those of which `stands` says
    that they would be asked."""

    __slots__ = ("cost", "granted", "kind", "stands", "targets", "tenant", "use", "weight")

    def __init__(self, place: Place, targets: list[Target], use: Use, stands: Callable[[Target], bool]) -> None:
        self.cost, self.kind = max(1, use.tokens), place.kind
        self.tenant, self.weight = place.tenant_id, place.weight
        self.targets, self.use, self.stands = targets, use, stands
        self.granted: asyncio.Future[Granted | None] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        """Wait no more, for nothing."""
        if not self.granted.done():
            self.granted.set_result(None)

    def give_back(self) -> None:
        """What was granted is not wanted any more."""
        if self.granted.done() and self.granted.exception() is None and (granted := self.granted.result()) is not None:
            granted.seat.undo()


class _Line:
    """The queue of one deployment, and how quickly it moves."""

    def __init__(self) -> None:
        self.queue: FairQueue[Ticket] = FairQueue(settings.GATEWAY_QUEUE_SHARES)
        self.every_s: float | None = None
        self._moved: float | None = None

    def moved(self) -> None:
        """The next one got room."""
        now = time.monotonic()
        if self._moved is not None and (passed := now - self._moved) < IDLE_S:
            self.every_s = passed if self.every_s is None else self.every_s + SMOOTHING * (passed - self.every_s)
        self._moved = now


class WaitingRoom:
    """The queues of one event loop, for the deployments whose capacity the snapshot in force limits."""

    def __init__(
        self,
        rates: Rates,
        snapshot: Callable[[], Snapshot],
        shares: Shares,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._rates, self._snapshot = rates, snapshot
        self._shares, self._on_change = shares, on_change
        self._lines: dict[UUID, _Line] = defaultdict(_Line)
        self._waiting: dict[tuple[UUID, str], int] = {}  # by tenant and kind of environment
        self._count = 0
        self._tick: asyncio.TimerHandle | None = None
        self._closing: Callable[[], Refusal] | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def snapshot(self) -> Snapshot:
        """The one in force."""
        return self._snapshot()

    @property
    def capacities(self) -> Mapping[UUID, Bounds]:
        """What deployments take now, where that is limited."""
        return self._snapshot().capacities

    def seat_at(self, target: Target, use: Use) -> Seat | None:
        """Room at `target` for a call that comes now; None where there is none, or others wait for it."""
        line = self._lines.get(target.deployment_id)
        if line is not None and len(line.queue):
            return None
        return self._seat(target, use)

    def obstacle(self, route: Route, bound: Bounds, use: Use) -> Obstacle | None:
        """What stands in the way of one more call of a route; None where there is room by now."""
        return self._rates.obstacle(route.id, bound, use) if route.id is not None else None

    def weights(self) -> dict[UUID, int]:
        """What waits here, by deployment, for other processes to be told."""
        if not self._count:
            return {}
        return {deployment: line.queue.weight for deployment, line in self._lines.items() if len(line.queue)}

    async def wait(self, ticket: Ticket, within_s: float, stop: Stop) -> Granted | None:
        """Room at one of the ticket's deployments, in its turn; None when none of them would be asked any more. Raises
        `QueueFull`, `WaitedTooLong`, `Stopped`, and what `close` was given."""
        if self._closing is not None:
            raise self._closing()
        self._enter(ticket, within_s)
        began = time.monotonic()
        stop.wake_by(ticket.wake)
        try:
            stop.check()
            await asyncio.wait((ticket.granted,), timeout=within_s)
            stop.check()
            if not ticket.granted.done():
                said = f"This call has waited {time.monotonic() - began:.1f} s for room"
                raise self._no_room(WaitedTooLong, ticket, said)
            return ticket.granted.result()
        except BaseException:
            ticket.give_back()
            raise
        finally:
            stop.wake_by(None)
            self._leave(ticket)

    def room(self) -> None:
        """There may be room somewhere: let in whose turn it is, as long as there is."""
        if self._count:
            for deployment_id in list(self._lines):
                self._let_in(deployment_id)

    def look_again(self, deployment_id: UUID | None = None) -> None:
        """What is known of a deployment (None: of any) has changed: nobody waits for one that would not be asked."""
        if deployment_id is None:
            limited = self.capacities
            for each in [each for each, line in self._lines.items() if each not in limited and not len(line.queue)]:
                del self._lines[each]
        if not self._count:
            return
        for each in list(self._lines) if deployment_id is None else [deployment_id] * (deployment_id in self._lines):
            for ticket in list(self._lines[each].queue):
                target = _at(ticket, each)
                if not ticket.stands(target):
                    self._lines[each].queue.remove(ticket)
                    ticket.targets.remove(target)
                    if not ticket.targets:
                        ticket.wake()
        self.room()  # one of them may have stood before one that fits

    def close(self, refuse: Callable[[], Refusal]) -> None:
        """From now on nobody waits; those that do are told what `refuse` makes."""
        self._closing = refuse
        for line in self._lines.values():
            while (ticket := line.queue.head()) is not None:
                line.queue.pop()
                if not ticket.granted.done():
                    ticket.granted.set_exception(refuse())

    # --- within ------------------------------------------------------------------------------------------------------

    def _enter(self, ticket: Ticket, within_s: float) -> None:
        most_of_one, most = settings.GATEWAY_QUEUE_LENGTHS
        if within_s <= 0:
            raise self._no_room(WaitedTooLong, ticket, "This call is not to wait for room (x-atrium-max-wait)")
        whose = ticket.tenant, ticket.kind
        if (waiting := self._waiting.get(whose, 0)) >= most_of_one:
            said = f"{most_of_one:,} calls from {ticket.kind} environments of your tenant wait already"
            raise self._no_room(QueueFull, ticket, said)
        if self._count >= most:
            raise self._no_room(QueueFull, ticket, f"{most:,} calls wait already")
        self._waiting[whose] = waiting + 1
        self._count += 1
        for target in ticket.targets:
            self._lines[target.deployment_id].queue.add(ticket)
        telemetry.waiting(self._count)
        self._on_change()
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _leave(self, ticket: Ticket) -> None:
        self._remove(ticket)
        whose = ticket.tenant, ticket.kind
        self._waiting[whose] -= 1
        if not self._waiting[whose]:
            del self._waiting[whose]
        self._count -= 1
        telemetry.waiting(self._count)
        self._on_change()
        self.room()  # it may have stood before one that fits

    def _remove(self, ticket: Ticket) -> None:
        for target in ticket.targets:
            self._lines[target.deployment_id].queue.remove(ticket)

    def _look(self) -> None:
        self._tick = None
        self.room()
        if self._count:
            self._tick = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _let_in(self, deployment_id: UUID) -> None:
        line = self._lines[deployment_id]
        while (ticket := line.queue.head()) is not None:
            if ticket.granted.done():  # it is about to leave
                self._remove(ticket)
                continue
            target = _at(ticket, deployment_id)
            seat = self._seat(target, ticket.use)
            if seat is None:
                return
            line.queue.pop()
            self._remove(ticket)
            line.moved()
            ticket.granted.set_result(Granted(target, seat))

    def _seat(self, target: Target, use: Use) -> Seat | None:
        deployment_id = target.deployment_id
        bound = self.capacities.get(deployment_id)
        if bound is not None and bound.concurrent is not None:
            line = self._lines.get(deployment_id)
            mine = line.queue.weight if line is not None else 0
            if self._rates.running(deployment_id) >= self._shares.of(deployment_id, bound.concurrent, mine):
                return None
        taken = self._rates.try_take([(deployment_id, bound)] if bound is not None else (), use)
        return Seat(self._rates, taken) if taken is not None else None

    def _no_room[Kind: NoRoom](self, kind: type[Kind], ticket: Ticket, said: str) -> Kind:
        """The refusal, by the deployment that would have had room first."""
        outlooks = []
        for target in ticket.targets:
            line = self._lines.get(target.deployment_id)
            position = line.queue.position(ticket) if line is not None else 1
            every_s = line.every_s if line is not None else None
            outlooks.append((position * every_s if every_s is not None else math.inf, position, target))
        wait_s, position, target = min(outlooks, key=lambda each: each[:2])
        bound = self.capacities.get(target.deployment_id)
        full = self._rates.obstacle(target.deployment_id, bound, ticket.use) if bound is not None else None
        if full is not None and full.metric != CONCURRENT:  # a minute's worth is used: before that nobody is let in
            wait_s = max(wait_s if wait_s < math.inf else 0, full.wait_s)
        expected_s = max(1, math.ceil(wait_s)) if wait_s < math.inf else None
        outlook = f", which takes about {expected_s} s" if expected_s is not None else ""
        return kind(
            f"{said}: {_why(target, bound, full)} It is number {position} in turn{outlook}. Try "
            f"again in {expected_s or 1} s, let it wait longer (x-atrium-max-wait), or ask for another model.",
            position=position,
            expected_wait_s=expected_s,
            way_out=bound.page if bound is not None else "",
        )


def _at(ticket: Ticket, deployment_id: UUID) -> Target:
    """That of its deployments."""
    return next(each for each in ticket.targets if each.deployment_id == deployment_id)


def _why(target: Target, bound: Bounds | None, full: Obstacle | None) -> str:
    """Why there is no room, in words that tell a tenant nothing of what the platform has bought or others use."""
    model = f"“{target.model_slug}”" if target.model_slug else "the model"
    if bound is None or full is None:
        return f"others came first at {model}."
    return f"{model} is busy: what it takes of all tenants together is used."
