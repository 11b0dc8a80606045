"""Room at a deployment that one call has, from being sent there until it is done with."""

from __future__ import annotations

from gateway.rates import Rates, Taken, use_of


class Seat:
    """Ends once, by `settle` or `undo`. `is_used`: the deployment was asked; else nothing counts there."""

    __slots__ = ("_rates", "_taken", "is_used")

    def __init__(self, rates: Rates, taken: Taken) -> None:
        self._rates = rates
        self._taken: Taken | None = taken
        self.is_used = False

    def settle(self, tokens_in: int, tokens_out: int) -> None:
        """The deployment is done with the call, which used so many tokens there if it was asked."""
        if not self.is_used:
            self.undo()
        elif (taken := self._taken) is not None:
            self._taken = None
            self._rates.settle(taken, use_of(tokens_in, tokens_out))

    def undo(self) -> None:
        """The deployment was not asked."""
        if (taken := self._taken) is not None:
            self._taken = None
            self._rates.undo(taken)
