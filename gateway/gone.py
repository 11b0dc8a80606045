"""Find processes that opened calls in the database and are gone with their journal, because their host is: nothing else
tells how their calls ended.

A process says every few seconds that it lives (`usage.openings.beat`). One that was seen to say nothing for
`GATEWAY_GONE_AFTER_S` is gone. Only time counts in which this process could look: when the database was away, everybody
was silent.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path

from gateway.delivery import keep_interrupted
from usage.openings import Holder
from usage.taking_over import take_over_silent

log = logging.getLogger(__name__)

LONGEST_LOOK_S = 15.0  # between two looks; what is longer was an outage


class Watch:
    """What one process has seen of the others."""

    def __init__(self, own: str, root: Path) -> None:
        """`own` is the name of this process's journal, in the folder `root`."""
        self._own, self._root = own, root
        self._seen: dict[str, tuple[int, float]] = {}  # how often they said that they live, and for how long not since
        self._looked_at = time.monotonic()

    def look(self, gone_after_s: float) -> int:
        """End the accounts of those that are gone; how many calls they had opened. Raises what the database raises."""
        now = time.monotonic()
        held = {name: beats for name, beats in Holder.objects.values_list("name", "beats") if name != self._own}
        passed_s, self._looked_at = now - self._looked_at, now
        passed_s = passed_s if passed_s <= LONGEST_LOOK_S else 0.0
        seen: dict[str, tuple[int, float]] = {}
        found = 0
        for name, beats in held.items():
            before, silent_s = self._seen.get(name, (beats, 0.0))
            seen[name] = (beats, silent_s + passed_s if before == beats and name in self._seen else 0.0)
            # One whose journal is here either lives or is taken over with it, which tells more (`gateway.delivery`).
            if seen[name][1] >= gone_after_s and not (self._root / name).exists():
                found += self._end(name, beats)
        self._seen = seen
        return found

    def _end(self, name: str, beats: int) -> int:
        kept = take_over_silent(name, beats, partial(keep_interrupted, self._root))
        if kept:
            log.warning("Kept %s calls as interrupted of the process %s, which is gone with its journal.", kept, name)
        return kept
