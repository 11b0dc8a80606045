"""How the places of a deployment are divided among processes in which calls wait for it.

Each process lets its own calls in as room comes, so one that always has calls waiting would take every place that it
frees. While calls wait in several, each keeps to its share by the weights that wait there; what does not divide goes
round. All compute it from what all tell (`gateway.sharing`), so the shares add up to the limit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

ROUND_S = 0.6
HEARD_WITHIN_S = 0.2  # the end of a round, in which nobody takes of what goes round: the next one has to hear of it
SILENT_AFTER_S = 15.0  # a process that has told nothing for so long has nobody waiting


class Shares:
    """What waits in other processes, as they told it. `name` is this one's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: dict[str, tuple[float, Mapping[UUID, int]]] = {}

    def heard(self, process: str, weights: Mapping[UUID, int]) -> None:
        """The weights that wait in another process, by deployment: all that do."""
        now = time.monotonic()
        self._told = {each: told for each, told in self._told.items() if told[0] >= now - SILENT_AFTER_S}
        self._told[process] = (now, weights)

    def forget(self, process: str) -> None:
        """Another process has ended."""
        self._told.pop(process, None)

    def of(self, deployment_id: UUID, limit: int, mine: int) -> int:
        """How many of `limit` calls at once this process may have, in which the weight `mine` waits."""
        if not self._told:
            return limit
        oldest = time.monotonic() - SILENT_AFTER_S
        waiting = {
            process: weights[deployment_id]
            for process, (at, weights) in self._told.items()
            if at >= oldest and weights.get(deployment_id)
        }
        if not waiting:
            return limit
        waiting[self._name] = max(1, mine)
        round_number, at_s = divmod(time.time(), ROUND_S)
        whole, going_round = divided(limit, waiting, round_number=int(round_number))[self._name]
        return whole + going_round if at_s < ROUND_S - HEARD_WITHIN_S else whole


def divided(limit: int, weights: Mapping[str, int], *, round_number: int) -> dict[str, tuple[int, int]]:
    """`limit` places by weight: whole ones, and of those that remain the ones that it has in this round, as they go to
    one process after another."""
    total, names = sum(weights.values()), sorted(weights)
    whole = {name: limit * weights[name] // total for name in names}
    left = limit - sum(whole.values())
    turns = {names[(round_number + number) % len(names)] for number in range(left)}
    return {name: (whole[name], int(name in turns)) for name in names}
