"""Room at a deployment that one call has, from being sent there until it is done with."""

from __future__ import annotations

from gateway.counts import Held
from gateway.rates import Rates, Taken, Use, use_of


class Seat:
    """Ends once, by `settle` or `undo`. `is_used`: the deployment was asked; else nothing counts there."""

    __slots__ = ("_rates", "_taken", "is_used")

    def __init__(self, rates: Rates, taken: Taken) -> None:
        self._rates = rates
        self._taken = [taken]
        self.is_used = False

    def takes_too(self, held: Held, use: Use) -> bool:
        """Whether there is room at further places, which it then takes as well."""
        taken = self._rates.try_take(held, use)
        if taken is not None:
            self._taken.append(taken)
        return taken is not None

    def settle(self, tokens_in: int, tokens_out: int) -> None:
        """The deployment is done with the call, which used so many tokens there if it was asked."""
        if not self.is_used:
            self.undo()
        while self._taken:
            self._rates.settle(self._taken.pop(), use_of(tokens_in, tokens_out))

    def undo(self) -> None:
        """The deployment was not asked."""
        while self._taken:
            self._rates.undo(self._taken.pop())
