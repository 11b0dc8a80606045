"""Hold a call to the limits and budgets around its caller, and to its route's: counted and reserved beforehand, settled
at its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from gateway.admission import Admitted
from gateway.costing import expected_tokens, greatest_cost
from gateway.counts import Held
from gateway.leases import Leases, Reservation
from gateway.rates import NOTHING_USED, Rates, Taken, Use, use_of
from refusals import Refusal


class ReservationGone(Refusal):
    """Other processes took this one for gone between the reserving of a call and its opening."""

    code = "reservation_gone"
    status = 503
    title = "The call has to be sent again"


class Hold:
    """What one call was counted as and has reserved. Ends once, by `settle`."""

    __slots__ = ("_is_settled", "_leases", "_parts", "_rates", "_reservation", "_taken")

    def __init__(self, rates: Rates, leases: Leases, taken: Taken, reservation: Reservation) -> None:
        self._rates, self._leases = rates, leases
        self._taken, self._reservation = taken, reservation
        self._parts = reservation.parts
        self._is_settled = False

    @property
    def reserved(self) -> Mapping[str, Decimal]:
        """How much was reserved of each hard budget, by its currency; known also when that was given back."""
        return {part.currency: part.amount for part in self._parts}

    def check(self) -> None:
        """Raise `ReservationGone` where what the call has reserved may be spent by others by now: nothing is opened
        then."""
        if not self._leases.stands(self._reservation):
            raise ReservationGone(
                "What this call had reserved of its budgets was given to others, who took this process for gone. "
                "Please send the request again.",
                retry_after_s=1,
            )

    @property
    def is_overdrawn(self) -> bool:
        """Whether a second attempt of the call could go beyond a budget."""
        return self._reservation.is_overdrawn

    def owes(self, row: str, cost: Decimal | None, currency: str) -> None:
        """A row is about to be written that says what (a part of) the call has cost."""
        if cost:
            self._leases.owe(self._reservation, row, cost, currency)

    def settle(self, use: Use) -> None:
        """The call has ended and did `use` so much."""
        if not self._is_settled:
            self._is_settled = True
            self._rates.settle(self._taken, use)
            self._leases.release(self._reservation)


def refuse_without_room(rates: Rates, held: Held) -> None:
    """Raise `RateLimited` where no call could be made now, however small; count nothing.

    For before there is a call: what is large is not even read of whoever has used up their limit.
    """
    rates.refuse_where_full(held, NOTHING_USED)


async def hold(rates: Rates, leases: Leases, admitted: Admitted) -> Hold:
    """Count the call and reserve what it can cost, at every place around its caller and at its route; or at none.

    Raises `RateLimited`, `LargerThanLimit`, `BudgetExceeded`, `BudgetReserved` and `BudgetUnknown`.
    """
    leave = admitted.leave
    if not leave.held:
        return Hold(rates, leases, Taken(None, 0, NOTHING_USED), Reservation())
    use = use_of(*expected_tokens(admitted.asked)) if leave.counts_tokens else NOTHING_USED
    taken = rates.take(leave.held, use)
    try:
        reservation = Reservation()
        if leave.budgets:
            most = greatest_cost(admitted.routes, admitted.asked, dt.datetime.now(dt.UTC))
            reservation = await leases.reserve(leave.budgets, most, leave.untold)
    except BaseException:
        rates.undo(taken)
        raise
    return Hold(rates, leases, taken, reservation)
