"""Keep to hard budgets, to the smallest unit and in every process: a call reserves the most that it can cost, out of a
slice of the budget that this process has leased (`usage.limits.leasing`), and settles what it did cost.

The database is asked in the ledger's thread, not on a call's way, unless the slice does not suffice: then the call
waits for the answer. What a call has cost counts against the slice until the ledger has it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import batched
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from gateway.snapshot import Bounds, HardBudget
from refusals import Refusal
from ui.formatting import money
from usage.limits.leasing import Period, Wanted, lease, standings_of
from usage.limits.tables import Budget, Span

PATIENCE_S = 5.0  # for money that calls under way, or other processes, may give back
SHARE = Decimal("0.125")  # of what nobody has, for calls to come
IDLE_AFTER_S, RENEW_EVERY_S, RECALLED_FOR_S = 5.0, 1.0, 2.0
GONE_FOR_S = 2.0  # longer than a snapshot that still has it is in force
FORGET_AFTER_S = 2 * 24 * 60 * 60.0  # longer than a call takes, and than the shortest period
NOTHING = Decimal(0)
MOST_KNOWN = 20_000
RENEWED_TOGETHER = 100  # leases, in one transaction


class BudgetExceeded(Refusal):
    """A hard budget does not hold what the call may cost. No waiting helps before the next period."""

    code = "insufficient_quota"
    status = 429
    title = "The budget is spent"


class BudgetReserved(Refusal):
    """What is left of a hard budget is promised to calls that run now; when they end, some of it may come back."""

    code = "budget_reserved"
    status = 429
    title = "What is left of the budget is reserved"


class BudgetUnknown(Refusal):
    code = "budget_unknown"
    status = 503
    title = "The budget cannot be asked"


Held = tuple[HardBudget, Bounds]


@dataclass(slots=True, eq=False)
class Lease:
    """This process's slice of one budget in one period. `granted` − `reserved` − `owed` is free.

    `reserved`: promised to calls under way; `owed`: spent by calls that the ledger does not have yet; `waiting`: what
    calls want that there is too little for. `spent` is what the ledger held when it was last asked.
    """

    budget_id: UUID
    begins: dt.date
    amount: Decimal  # of the whole budget, as the snapshot has it
    granted: Decimal = NOTHING
    reserved: Decimal = NOTHING
    owed: Decimal = NOTHING
    waiting: Decimal = NOTHING
    spent: Decimal | None = None
    is_gone: bool = False
    is_changed: bool = False
    is_forgotten: bool = False
    used_at: float = 0.0
    renewed_at: float = 0.0
    recalled_until: float = 0.0

    @property
    def period(self) -> Period:
        return self.budget_id, self.begins

    @property
    def free(self) -> Decimal:
        return self.granted - self.reserved - self.owed

    def is_due(self, now: float) -> bool:
        """Whether the database should be asked."""
        if self.is_gone:
            return False
        is_old = now - self.renewed_at >= RENEW_EVERY_S
        has_too_much = self.free > 0 and (now < self.recalled_until or now - self.used_at > IDLE_AFTER_S)
        runs_low = self.used_at > self.renewed_at and self.free < self.granted / 2
        return self.waiting > 0 or has_too_much or (is_old and (self.is_changed or runs_low))

    def is_over(self) -> bool:
        """Whether its period has passed and nothing of it is open."""
        is_open = self.granted or self.reserved or self.owed or self.waiting
        return not is_open and time.monotonic() - self.used_at > FORGET_AFTER_S


class Part(NamedTuple):
    """What one call has reserved of one lease: the most that it can cost in the currency of that budget."""

    lease: Lease
    amount: Decimal
    currency: str

    @property
    def is_lacking(self) -> bool:
        """Whether the lease has too little for it."""
        lease = self.lease
        return not lease.is_gone and lease.granted - lease.reserved - lease.owed < self.amount


@dataclass(slots=True)
class Reservation:
    """What one call has reserved, of all budgets that hold it. `since`: how often this process was taken for gone
    before."""

    parts: list[Part] = field(default_factory=list)
    since: int = 0

    @property
    def is_overdrawn(self) -> bool:
        """Whether what the call owes already leaves less than it has reserved."""
        return any(not each.lease.is_gone and each.lease.free < 0 for each in self.parts)


class Leases:
    """Those of one event loop. `holder` names its journal; `wake` asks for a round of `renew` soon."""

    def __init__(self, holder: str, wake: Callable[[], None]) -> None:
        self.holder = holder
        self.recalls: set[UUID] = set()  # budgets of which other processes hold what is wanted here
        self._wake = wake
        self._lock = threading.Lock()  # between the loop and the ledger's thread; held for microseconds
        self._leases: dict[tuple[UUID, dt.date], Lease] = {}
        self._owed: dict[str, list[tuple[Lease, Decimal]]] = {}  # by call
        self._round = asyncio.Event()
        self._has_failed = False
        self._ended = 0  # how often others ended them
        self._waiting = 0  # calls that wait for the database's answer
        self._known: dict[int, tuple[HardBudget, dt.date, Lease]] = {}  # by who each budget is: asked by every call

    @property
    def is_waited_for(self) -> bool:
        """Whether a call waits for the database's answer."""
        return self._waiting > 0

    def left_of(self, budget: HardBudget) -> Decimal | None:
        """What was left of a budget when the database was last asked; None while it was not."""
        found = self._leases.get((budget.id, Span(budget.span).begins(dt.datetime.now(dt.UTC).date())))
        if found is None or found.spent is None:
            return None
        return max(NOTHING, budget.amount - found.spent - found.owed)

    async def reserve(
        self, budgets: Sequence[Held], most: Mapping[str, Decimal], untold: Collection[UUID] = ()
    ) -> Reservation:
        """Reserve of each of `budgets` the `most` that a call can cost in its currency, of all or of none. How much the
        `untold` of them are, and what is spent of them, is not the caller's to know.

        Waits up to `PATIENCE_S` for what may still come back. Raises `BudgetExceeded` and `BudgetUnknown`.
        """
        today = dt.datetime.now(dt.UTC).date()
        parts, held = [], []
        for budget, bounds in budgets:
            if amount := most.get(budget.currency):
                parts.append(part := Part(self._of(budget, today), amount, budget.currency))
                held.append((part, budget, bounds))
        if not parts or self._try(parts):
            return Reservation(parts, self._ended)
        until = time.monotonic() + PATIENCE_S
        while not self._try(parts):
            for part, budget, bounds in held:
                each = part.lease
                if each.spent is not None and budget.amount - each.spent - each.owed < part.amount:
                    raise _exceeded(part, budget, bounds, today, is_told=budget.id not in untold)
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise self._given_up(held)
            await self._wait(parts, left_s)
        return Reservation(parts, self._ended)

    def stands(self, reservation: Reservation) -> bool:
        """Whether what was reserved is still this process's to spend: not after others ended its leases."""
        return reservation.since == self._ended or not reservation.parts

    def owe(self, reservation: Reservation, row: str, cost: Decimal, currency: str) -> None:
        """The call has cost something, which the row of the ledger called `row` will tell; before it is written."""
        with self._lock:
            for part in reservation.parts:
                if part.currency == currency:
                    part.lease.owed += cost
                    self._owed.setdefault(row, []).append((part.lease, cost))

    def release(self, reservation: Reservation) -> None:
        """The call has ended: what it reserved is free again, but for what it owes. A second time changes nothing."""
        with self._lock:
            for part in reservation.parts:
                part.lease.reserved -= part.amount
                part.lease.is_changed = True
            reservation.parts = []
        if self.is_waited_for:
            self.round_ended(has_failed=self._has_failed)

    def recall(self, budget_id: UUID) -> None:
        """Another process wants what this one does not need."""
        found = [each for each in self._leases.values() if each.budget_id == budget_id and not each.waiting]
        for each in found:
            each.recalled_until = time.monotonic() + RECALLED_FOR_S
        if found:
            self._wake()

    def were_ended(self) -> None:
        """Others took this process for gone and ended its leases: nothing is free until the database was asked."""
        with self._lock:
            self._ended += 1
            for each in self._leases.values():
                each.granted, each.is_changed = NOTHING, True
        self._wake()

    def round_ended(self, *, has_failed: bool = False) -> None:
        """The database has answered, or could not: whoever waits looks again. Called in the loop."""
        self._has_failed = has_failed
        self._round.set()
        self._round = asyncio.Event()

    # --- in the ledger's thread --------------------------------------------------------------------------------------

    def delivered(self, rows: Iterable[str]) -> None:
        """The ledger has these rows: they no longer count against a slice."""
        with self._lock:
            for row in rows:
                for each, cost in self._owed.pop(row, ()):
                    each.owed -= cost
                    each.granted -= cost
                    each.is_changed = True

    def renew(self) -> None:
        """Ask the database about every lease that is due. Raises what it raises."""
        now = time.monotonic()
        due: list[Lease] = []
        for key, each in list(self._leases.items()):
            if each.is_due(now):
                due.append(each)
            elif each.is_over():
                self._leases.pop(key, None)
                each.is_forgotten = True
        due.sort(key=lambda each: each.waiting <= 0)  # those first that calls wait for
        for some in batched(due, RENEWED_TOGETHER):
            self._renew(some, now)

    def _renew(self, some: Collection[Lease], now: float) -> None:
        with transaction.atomic():
            found = standings_of([each.period for each in some], self.holder)
            amounts: dict[Period, tuple[Budget, Decimal]] = {}
            for each in some:
                with self._lock:
                    if (told := found.get(each.period)) is None:
                        each.is_gone, each.granted, each.renewed_at = True, NOTHING, now
                        continue
                    budget, standing = told
                    is_wanted = now >= each.recalled_until and now - each.used_at <= IDLE_AFTER_S
                    wanted = Wanted(each.reserved + each.owed, each.waiting, SHARE if is_wanted else NOTHING)
                    amount = wanted.of(standing)
                    each.granted = min(each.granted, amount)  # what is given back may not be spent from now on
                    amounts[each.period] = budget, amount
            lease(self.holder, amounts)
        for each in some:
            if each.period not in amounts:
                continue
            (_, standing), (_, amount) = found[each.period], amounts[each.period]
            with self._lock:
                each.granted = max(each.granted, amount)
                each.spent, each.renewed_at, each.is_changed = standing.spent, now, False
                if each.waiting > max(each.free, NOTHING) and standing.elsewhere:
                    self.recalls.add(each.budget_id)

    # --- within ------------------------------------------------------------------------------------------------------

    def _of(self, budget: HardBudget, today: dt.date) -> Lease:
        known = self._known.get(id(budget))
        if (
            known is not None
            and known[0] is budget
            and known[1] == today
            and not (known[2].is_gone or known[2].is_forgotten)
        ):
            return known[2]
        key = (budget.id, Span(budget.span).begins(today))
        found = self._leases.get(key)
        if found is None:
            found = self._leases[key] = Lease(*key, amount=budget.amount)
        elif found.is_gone and time.monotonic() - found.renewed_at > GONE_FOR_S:
            found.is_gone, found.spent = False, None  # it was no hard one for a while, and is again
        if found.amount != budget.amount:
            with self._lock:  # it was changed: what was leased of the former amount is asked for again
                found.amount, found.granted = budget.amount, min(found.granted, found.reserved + found.owed)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[id(budget)] = (budget, today, found)
        return found

    def _try(self, parts: list[Part]) -> bool:
        with self._lock:
            for part in parts:
                if part.is_lacking:
                    return False
            now = time.monotonic()
            for lease, amount, _ in parts:
                lease.reserved += amount
                lease.used_at = now
        return True

    async def _wait(self, parts: list[Part], longest_s: float) -> None:
        """Until the next round, with what is wanted told to it."""
        asked = [part for part in parts if part.is_lacking]
        self._waiting += 1
        with self._lock:
            for part in asked:
                part.lease.waiting += part.amount
                part.lease.used_at = time.monotonic()
        try:
            self._wake()
            async with asyncio.timeout(min(longest_s, RENEW_EVERY_S)):
                await self._round.wait()
        except TimeoutError:
            return
        finally:
            self._waiting -= 1
            with self._lock:
                for part in asked:
                    part.lease.waiting -= part.amount

    def _given_up(self, held: list[tuple[Part, HardBudget, Bounds]]) -> Refusal:
        if self._has_failed or any(part.lease.spent is None for part, _, _ in held):
            return BudgetUnknown(
                "A hard budget holds this call, and its database cannot be asked at the moment. Please try again.",
                retry_after_s=5,
            )
        part, budget, bounds = min(held, key=lambda one: one[0].lease.free - one[0].amount)
        return BudgetReserved(
            f"{bounds.subject} has too little left for this call, which may cost up to "
            f"{money(part.amount, part.currency)}, until calls under way have ended. Try again in a moment.",
            way_out=bounds.page,
            retry_after_s=2,
            beyond=budget.id,
        )


def _exceeded(part: Part, budget: HardBudget, bounds: Bounds, today: dt.date, *, is_told: bool) -> BudgetExceeded:
    spent = (part.lease.spent or NOTHING) + part.lease.owed
    ends = Span(budget.span).ends(today)
    most = money(part.amount, part.currency)
    shown = f"{money(spent, budget.currency)} of {money(budget.amount, budget.currency)} are spent"
    if not is_told:
        shown = "too little of its budget is left"
    return BudgetExceeded(
        f"{bounds.subject} may not spend more: {shown}, and this call may cost up to {most}. "
        f"The budget begins again on {ends:%-d %B %Y}; who manages {bounds.words} can raise it.",
        way_out=bounds.page,
        should_retry=False,
        beyond=budget.id,
    )
