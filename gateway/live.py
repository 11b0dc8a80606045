"""Tell of calls under way in tenants that somebody watches (`usage.tail`), off the way of calls.

Nothing is noted on the way of a call: twice a second, while calls are under way, this process asks which tenants are
watched, and where one is, looks through what runs. So nobody who watches costs a statement of one row, and a process
without calls none at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import Error as DatabaseError

from tenants.scope import everything
from usage.tail.tables import RunningCall
from usage.tail.watching import KEPT_FOR_S, MOST, still_runs, tell, watched

if TYPE_CHECKING:
    from gateway.pipeline import Call

log = logging.getLogger(__name__)

EVERY_S = 0.5
LIVES_EVERY_S = 5.0

type Told = tuple[str, int, str]  # of a call what changes: its state, how many were asked, who is asked


async def tell_for_ever(running: Collection[Call], process: str, in_thread: Callable[..., Awaitable[Any]]) -> None:
    """Tell of those of `running` that are watched, in the name of `process`, `in_thread` where the ORM is at home,
    which gives the connection back."""
    live = Live(process)
    is_in_trouble = False
    while True:
        await asyncio.sleep(EVERY_S)
        if not running and not live.told and not live.is_due():
            continue
        try:
            watching = await in_thread(_watched)
            rows, ended = live.news([call for call in running if call.admitted.caller.tenant_id in watching])
            lives = process if live.is_due() else ""
            if rows or ended or lives:
                await in_thread(_tell, rows, ended, lives)
                live.were_told(rows, ended, lives=bool(lives))
            is_in_trouble = False
        except Exception as error:  # whatever it is: who watches sees fewer starts, and no call is slowed
            if not is_in_trouble:
                expected = isinstance(error, (DatabaseError, OSError))
                log.warning("Running calls cannot be told: %s", error, exc_info=None if expected else error)
            is_in_trouble = True


class Live:
    """What one process has told of its running calls."""

    def __init__(self, process: str) -> None:
        self._process = process
        self.told: dict[UUID, Told] = {}
        self._lived_at = time.monotonic()
        self._cleared_by = 0.0  # by then nothing is left of what was told

    def news(self, calls: Iterable[Call]) -> tuple[list[dict[str, Any]], list[UUID]]:
        """The rows that are new or changed, and the calls that have ended (or are not watched any more)."""
        rows, there, of_tenant = [], set(), dict[UUID, int]()
        for call in sorted(calls, key=lambda each: each.id, reverse=True):
            tenant = call.admitted.caller.tenant_id
            of_tenant[tenant] = of_tenant.get(tenant, 0) + 1
            if of_tenant[tenant] > MOST and call.id not in self.told:
                continue
            there.add(call.id)
            if self.told.get(call.id) != (changes := _changing(call)):
                rows.append(_row(call, changes, self._process))
        return rows, [key for key in self.told if key not in there]

    def were_told(self, rows: Iterable[dict[str, Any]], ended: Iterable[UUID], *, lives: bool) -> None:
        for row in rows:
            self.told[row["id"]] = (row["state"], row["attempts"], row["provider"])
        for key in ended:
            del self.told[key]
        now = time.monotonic()
        if rows or ended:
            self._cleared_by = now + KEPT_FOR_S + 2 * LIVES_EVERY_S
        if lives:
            self._lived_at = now

    def is_due(self) -> bool:
        """Whether it is time to say that this process lives, and to clear what nobody needs any more. Never where it
        has told nothing for a while: nobody watches."""
        now = time.monotonic()
        return (bool(self.told) or now < self._cleared_by) and now - self._lived_at >= LIVES_EVERY_S


def _changing(call: Call) -> Told:
    timeline = call.meter.timeline
    if not timeline.tried or timeline.tried[-1].ended_at:
        return RunningCall.State.WAITING.value, timeline.attempts, ""
    tried = timeline.tried[-1]
    state = RunningCall.State.ANSWERING if tried.answered_at else RunningCall.State.ASKED
    return state.value, timeline.attempts, tried.target.provider


def _row(call: Call, told: Told, process: str) -> dict[str, Any]:
    caller, (state, attempts, provider) = call.admitted.caller, told
    return {
        "id": call.id,
        "tenant_id": caller.tenant_id,
        "project_id": caller.project_id,
        "environment_id": caller.environment_id,
        "key_prefix": caller.key_prefix[:40],
        "key_name": caller.key_name[:80],
        "user_id": caller.user_id,
        "user_label": caller.user_label[:150],
        "origin": caller.origin,
        "route": call.admitted.route.slug,
        "provider": provider,
        "state": state,
        "attempts": attempts,
        "started_at": call.meter.started_at.isoformat(),
        "process": process[:80],
    }


@everything("which tenants are watched is asked for all")
def _watched() -> frozenset[UUID]:
    return watched()


@everything("running calls of every tenant that is watched are told")
def _tell(rows: list[dict[str, Any]], ended: list[UUID], living: str) -> None:
    tell(rows, ended)
    if living:
        still_runs(living)
