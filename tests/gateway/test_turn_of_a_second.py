"""A limit is asked at one moment: a call that comes as a second turns is counted or refused, and never half of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from uuid import UUID

import pytest

from gateway.holding import refuse_without_room
from gateway.rates import NOTHING_USED, RateLimited, Rates
from gateway.snapshot import Bounds

PLACE = UUID(int=1)
HELD = ((PLACE, Bounds.of("the tenant acme", "acme", {"requests": 1, "concurrent": 9})),)


@pytest.fixture
def full() -> Rates:
    """One request a minute, of which the one counts until the second turns that is read first."""
    times: Iterator[float] = chain((0.0, 60.9), repeat(61.0))
    rates = Rates(clock=lambda: next(times))
    taken = rates.try_take(HELD, NOTHING_USED)
    assert taken is not None
    taken.tally.at_once[0][0].running = 0  # type: ignore[union-attr]  # it has ended, at the same moment
    return rates


def test_who_takes_it_then_is_told_when_there_is_room(full: Rates) -> None:
    with pytest.raises(RateLimited) as told:
        full.take(HELD, NOTHING_USED)
    assert told.value.retry_after_s == 1
    assert full.take(HELD, NOTHING_USED) is not None, "a second later"


def test_what_is_only_looked_for_is_not_counted(full: Rates) -> None:
    with pytest.raises(RateLimited):
        refuse_without_room(full, HELD)
    assert full.running(PLACE) == 0
