"""Hold a call to the limits and budgets around its caller: counted and reserved beforehand, settled at its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from gateway.admission import Admitted
from gateway.costing import expected_tokens, greatest_cost
from gateway.leases import NOTHING, Leases, Reservation
from gateway.rates import Headroom, Rates, Taken
from gateway.snapshot import Bounds


class Hold:
    """What one call was counted as and has reserved. Ends once, by `settle`."""

    def __init__(self, rates: Rates, leases: Leases, taken: Taken, reservation: Reservation) -> None:
        self._rates, self._leases = rates, leases
        self._taken, self._reservation = taken, reservation
        self._is_settled = False

    @property
    def headroom(self) -> Mapping[str, Headroom]:
        """The tightest limits after this call was counted, by metric."""
        return self._taken.headroom

    @property
    def is_overdrawn(self) -> bool:
        """Whether a second attempt of the call could go beyond a budget."""
        return self._reservation.is_overdrawn

    def owes(self, row: str, cost: Decimal | None, currency: str) -> None:
        """A row is about to be written that says what (a part of) the call has cost."""
        if cost and currency == self._reservation.currency:
            self._leases.owe(self._reservation, row, cost)

    def settle(self, tokens: int) -> None:
        """The call has ended and used `tokens`."""
        if not self._is_settled:
            self._is_settled = True
            self._rates.settle(self._taken, tokens)
            self._leases.release(self._reservation)


async def hold(rates: Rates, leases: Leases, bounds: Mapping[UUID, Bounds], admitted: Admitted) -> Hold:
    """Count the call and reserve what it can cost, at every place around its caller; or at none.

    Raises `RateLimited`, `LargerThanLimit`, `BudgetExceeded`, `BudgetReserved` and `BudgetUnknown`.
    """
    places = [place for place in admitted.caller.places if place in bounds]
    if not places:
        return Hold(rates, leases, Taken((), 0, 0), Reservation(NOTHING, ""))
    tokens = expected_tokens(admitted.asked) if any(bounds[place].tokens is not None for place in places) else 0
    taken = rates.take(tuple(places), bounds, tokens)
    budgets = [(budget, bounds[place]) for place in places for budget in bounds[place].budgets]
    try:
        reservation = Reservation(NOTHING, "")
        if budgets:
            amount, currency = greatest_cost(admitted.routes, admitted.asked, dt.datetime.now(dt.UTC))
            reservation = await leases.reserve(budgets, amount, currency)
    except BaseException:
        rates.undo(taken)
        raise
    return Hold(rates, leases, taken, reservation)
