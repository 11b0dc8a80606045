"""What the gateway holds in one event loop: the snapshot, the connections to providers, the journal, and its tasks.

A server has one; a test or a command that runs several loops has one for each, begun when first needed and ended
with its loop.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from gateway import access_log, spans, telemetry
from gateway import live as live_calls
from gateway.admission import check_still_allowed
from gateway.bodies.keeper import BodyKeeper
from gateway.delivery import Drain, adopt_orphans, keep_interrupted, retry_refused
from gateway.durability import keeping_of
from gateway.freshness import SnapshotKeeper
from gateway.gone import Watch
from gateway.journal import Journal
from gateway.last_used import write_last_used
from gateway.leaked import LeakedKeys
from gateway.leases import Leases
from gateway.metering import CallSummary
from gateway.pipeline import Call, ShuttingDown
from gateway.queueing.among_processes import Shares
from gateway.queueing.waiting import WaitingRoom
from gateway.rates import Rates
from gateway.responses.store import Store
from gateway.routing import Router
from gateway.routing.telling import gone, tell_for_ever
from gateway.sharing import Sharing
from gateway.snapshot import Snapshot
from gateway.upstream import Timeouts, Upstream
from refusals import Refusal
from tenants.scope import everything
from usage.openings import beat
from usage.tail import open_streams
from usage.taking_over import take_over

log = logging.getLogger(__name__)

GATHER_S = 0.1  # closings of this long go into the ledger together
AT_ONCE_S = 0.005  # when a call waits for what a budget has left
ADOPT_EVERY_S = 5.0
LAST_USED_EVERY_S = 5.0
LONGEST_BACK_OFF_S = 3.0
GRACE_S = 2.0  # running calls have this long when the server is stopped; it is killed after 4 (portal.command.serving)

_runtimes: dict[asyncio.AbstractEventLoop, Runtime] = {}


class NotReady(Refusal):
    code = "gateway_starting"
    status = 503
    title = "The gateway is not ready yet"


class Runtime:
    """Begun by `runtime()`; `close` ends it without losing a call."""

    def __init__(self) -> None:
        self.router = Router(on_failed=lambda deployment_id: self.room.look_again(deployment_id))
        self.keeper = SnapshotKeeper(self._is_fresh)
        self.upstream = Upstream(Timeouts(*settings.GATEWAY_TIMEOUTS_S))
        self.journal = Journal(settings.JOURNAL_FOLDER)
        self.leases = Leases(self.journal.folder.name, self.wake)
        self.journal.keeping = keeping_of(settings.GATEWAY_DURABILITY, self.journal, self.leases.were_ended)
        self.watch = Watch(self.journal.folder.name, settings.JOURNAL_FOLDER)
        self.drain = Drain(self.journal, self.leases.delivered)
        self.rates = Rates(lambda: self.sharing.changed(), on_room=lambda: self.room.room())
        self.shares = Shares(self.journal.folder.name)
        self.room = WaitingRoom(self.rates, self.snapshot, self.shares, on_change=lambda: self.sharing.changed())
        self.sharing = Sharing(self.rates, self.leases, self.room, self.shares, self.journal.folder.name)
        self.last_used: dict[str, float] = {}
        self.leaked = LeakedKeys(self.wake)
        self.running: set[Call] = set()
        self.recorder = spans.recorder()
        self.bodies = BodyKeeper(self.journal.folder.name, settings.JOURNAL_FOLDER)
        self.responses = Store()
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="atrium-ledger")
        telling = tell_for_ever(self.router, self.journal.folder.name, self._between)
        live = live_calls.tell_for_ever(self.running, self.journal.folder.name, self._between)
        own = (self.keeper.run(), self._deliver_for_ever(), telling, live, self.bodies.run())
        self._tasks = [asyncio.create_task(each) for each in own]
        self._ending: asyncio.Task[None] | None = None
        self._is_closed = self._has_retried = self._is_busy = False

    async def ready(self) -> None:
        """Wait until the snapshot was loaded once. Raises `NotReady` when it could not be."""
        if self.keeper.snapshot is None and await self.keeper.first() is None:
            raise NotReady(
                "The gateway has just started and cannot reach its database yet. Please try again in a moment.",
                retry_after_s=2,
            )

    def snapshot(self) -> Snapshot:
        """The snapshot in force. Raises `NotReady`."""
        if self.keeper.snapshot is None:
            raise NotReady("The gateway has not read what it needs to know yet.", retry_after_s=2)
        return self.keeper.snapshot

    def call_began(self, call: Call) -> None:
        self.running.add(call)
        telemetry.began(call.admitted.caller.origin)

    def call_ended(self, call: Call, summary: CallSummary) -> None:
        """Only what began can end: a call that was closed before it was read was never under way."""
        if call not in self.running:
            return
        self.running.discard(call)
        telemetry.ended(call.admitted.caller.origin, call.admitted.route.slug, summary)
        access_log.ended(call, summary)
        if self.recorder is not None:
            self.recorder.ended(call, summary)
        self._wake.set()

    def wake(self) -> None:
        """Something waits for the ledger's thread."""
        self._wake.set()

    def _is_fresh(self, snapshot: Snapshot) -> None:
        self.router.fresh(snapshot)
        self.room.look_again()
        self._stop_what_may_not_go_on(snapshot)

    def _stop_what_may_not_go_on(self, snapshot: Snapshot) -> None:
        """Something was revoked or somebody shut out: their calls under way end too."""
        for call in list(self.running):
            try:
                check_still_allowed(snapshot, call.admitted.caller)
            except Refusal as refusal:
                call.stop(because=refusal)

    def lag(self) -> int:
        """Calls that have ended and are not in the ledger yet."""
        return self.journal.closings - self.drain.delivered

    @property
    def is_ending(self) -> bool:
        return self._ending is not None

    def begin_to_end(self) -> asyncio.Task[None]:
        """From now on no call is admitted; running ones get a moment, then are told so and settled."""
        if self._ending is None:
            open_streams.end_all()  # of pages that this process serves: they would keep its server from stopping
            self.room.close(ShuttingDown)
            self._ending = asyncio.get_running_loop().create_task(self._let_calls_end(GRACE_S))
        return self._ending

    async def close(self) -> None:
        """End: running calls get a moment, then are settled; the journal is emptied if Postgres is there."""
        if self._is_closed:
            return
        self._is_closed = True
        _runtimes.pop(asyncio.get_running_loop(), None)
        await self.begin_to_end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bodies.close()
        await self.responses.close()
        await self.sharing.end()
        self.upstream.close()
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.flush)

    async def _let_calls_end(self, grace_s: float) -> None:
        if self.running:
            await asyncio.wait([asyncio.ensure_future(call.ended.wait()) for call in self.running], timeout=grace_s)
        for call in list(self.running):
            call.stop(because=ShuttingDown())
        await asyncio.sleep(0)
        for call in list(self.running):
            call.settle()

    async def _deliver_for_ever(self) -> None:
        back_off_s, adopted, used = 0.0, 0.0, time.monotonic()
        try:
            while True:
                now = time.monotonic()
                is_time_to_adopt, is_time_for_keys = now - adopted > ADOPT_EVERY_S, now - used > LAST_USED_EVERY_S
                adopted, used = now if is_time_to_adopt else adopted, now if is_time_for_keys else used
                self._wake.clear()
                try:
                    await self._in_thread(self._deliver, is_time_to_adopt, is_time_for_keys)
                    back_off_s = 0.0
                    self.leases.round_ended()
                    if self.leases.recalls:
                        self.sharing.changed()
                except Exception as error:  # whatever it is: the next round may succeed, and the calls are on disk
                    back_off_s = min(max(back_off_s * 2, 0.2), LONGEST_BACK_OFF_S)
                    is_outage = isinstance(error, (DatabaseError, OSError))
                    told = None if is_outage else error  # what nobody expects comes with its traceback
                    log.warning("Calls wait in the journal, the ledger cannot be written: %s", error, exc_info=told)
                    self.leases.round_ended(has_failed=True)
                telemetry.lag(self.lag())
                if not back_off_s:
                    try:
                        async with asyncio.timeout(1.0):
                            await self._wake.wait()
                    except TimeoutError:
                        continue
                await asyncio.sleep(back_off_s or (AT_ONCE_S if self.leases.is_waited_for else GATHER_S))
        finally:
            self.abandon()
            if self.journal.keeping is not None:
                await self.journal.keeping.end()
            try:
                await self._in_thread(self._deliver, False, True)
                self._is_busy = False  # nothing comes after
                if self.drain.delivered >= self.journal.closings:
                    await self._in_thread(self._give_back)
                if self.router.knows_any:
                    await self._between(gone, self.journal.folder.name)
                if not self.journal.remove(self.drain.delivered):
                    log.warning("Calls stay in the journal for the next process.")
            except Exception as error:
                log.warning("Calls stay in the journal for the next process: %s", error)
            finally:
                self.journal.release()
                self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _between(self, work: Any, *arguments: Any) -> Any:
        """Do it in the ledger's thread between two rounds, and leave the connection to the next while calls end."""

        def done() -> Any:
            is_kept = False
            try:
                answer = work(*arguments)
                is_kept = self._is_busy
            finally:
                if not is_kept:
                    connection.close()
            return answer

        return await self._in_thread(done)

    @everything("the ledger takes the calls of every tenant")
    def _deliver(self, adopt: bool, keys: bool) -> None:
        """Runs in the ledger's thread, where the ORM is at home. While calls end all the time one connection carries
        them: to make one for each round took more of the processor than to write what is in it."""
        self._is_busy = False
        try:
            if adopt:
                beat(self.journal.folder.name)
            delivered = self.drain.run()
            self.leases.renew()
            if not self._has_retried:  # what an earlier release or state of the database refused
                retry_refused(settings.JOURNAL_FOLDER)
                self._has_retried = True
            if adopt:
                adopt_orphans(settings.JOURNAL_FOLDER)
                self.watch.look(settings.GATEWAY_GONE_AFTER_S)
            self.leaked.report()
            if keys and self.last_used:
                seen, self.last_used = self.last_used, {}
                try:
                    write_last_used(seen)
                except DatabaseError:
                    self.last_used = seen | self.last_used
                    raise
            self._is_busy = delivered > 0
        finally:
            if not self._is_busy:
                connection.close()

    @everything("budgets of every tenant get back what is left of their slices")
    def _give_back(self) -> None:
        try:
            take_over(self.journal.folder.name, partial(keep_interrupted, settings.JOURNAL_FOLDER))
        finally:
            connection.close()

    def abandon(self) -> None:
        """Settle what still runs, because its loop ends."""
        for call in list(self.running):
            call.stop(because=ShuttingDown())
            call.settle()


async def runtime() -> Runtime:
    """The runtime of the running loop, begun if it is the first time, with a snapshot. Raises `NotReady`."""
    found = here()
    if found.keeper.snapshot is None:
        await found.ready()
    return found


def here() -> Runtime:
    """The runtime of the running loop, whether or not it has a snapshot yet."""
    loop = asyncio.get_running_loop()
    found = _runtimes.get(loop)
    if found is None:
        for ended in [held for held in _runtimes if held.is_closed()]:
            left = _runtimes.pop(ended)
            left.journal.release()
            left.bodies.release()
            left.responses.release()
        found = _runtimes[loop] = Runtime()
    return found


def current_snapshot() -> Snapshot | None:
    """The newest snapshot of any living loop of this process, for code that runs outside of them."""
    held = [
        runtime.keeper.snapshot
        for loop, runtime in list(_runtimes.items())
        if loop.is_running() and runtime.keeper.snapshot is not None
    ]
    return max(held, key=lambda snapshot: snapshot.loaded_at, default=None)


def facts() -> dict[str, Any]:
    """How the gateway of this process stands, for `/readyz` and the status page."""
    now = dt.datetime.now(dt.UTC)
    running = [runtime for loop, runtime in list(_runtimes.items()) if loop.is_running()]
    snapshot = current_snapshot()
    stale = [(runtime.keeper.stale_since, runtime.keeper.trouble) for runtime in running if runtime.keeper.stale_since]
    since, trouble = min(stale, default=(None, ""))
    return {
        "snapshot_version": snapshot.version if snapshot else None,
        "snapshot_age_s": round((now - snapshot.loaded_at).total_seconds(), 1) if snapshot else None,
        "serving_from_last_snapshot_since": since.isoformat() if since else None,
        "snapshot_trouble": trouble,
        "durability": settings.GATEWAY_DURABILITY,
        "calls_running": sum(len(runtime.running) for runtime in running),
        "calls_waiting_for_the_ledger": sum(runtime.lag() for runtime in running),
    }
