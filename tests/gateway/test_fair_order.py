"""Whose turn it is of those that wait: shares by weight and cost, production before the rest, nobody left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from gateway.queueing.fair import FairQueue

SHARES = {"production": 8, "test": 2, "development": 1}
QUIET, NOISY, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
_numbers = count()


@dataclass(eq=False)
class Waiter:
    tenant: UUID
    cost: int = 1
    kind: str = "production"
    weight: int = 1

    def __post_init__(self) -> None:
        self.number = next(_numbers)


def queue_of(*waiters: Waiter) -> FairQueue[Waiter]:
    queue: FairQueue[Waiter] = FairQueue(SHARES)
    for each in waiters:
        queue.add(each)
    return queue


def taken(queue: FairQueue[Waiter], number: int) -> list[Waiter]:
    return [queue.pop() for _ in range(number)]


def test_it_works() -> None:
    """Twenty calls of one tenant came first; the other's two are first and third all the same, or nearly."""
    queue = queue_of(*(Waiter(NOISY) for _ in range(20)), Waiter(QUIET), Waiter(QUIET))
    order = [each.tenant for each in taken(queue, 4)]
    assert order == [NOISY, QUIET, NOISY, QUIET]
    assert {each.tenant for each in taken(queue, len(queue))} == {NOISY}
    assert len(queue) == 0 and queue.head() is None


def test_calls_of_one_tenant_keep_their_order() -> None:
    mine = [Waiter(QUIET, cost=cost) for cost in (500, 1, 30)]
    assert taken(queue_of(*mine), 3) == mine


def test_weights_are_shares() -> None:
    heavy, light = [Waiter(NOISY, weight=3) for _ in range(90)], [Waiter(QUIET) for _ in range(90)]
    found = Counter(each.tenant for each in taken(queue_of(*light, *heavy), 80))
    assert found == {NOISY: 60, QUIET: 20}


def test_what_is_shared_is_tokens_and_not_calls() -> None:
    large, small = [Waiter(NOISY, cost=1000) for _ in range(50)], [Waiter(QUIET, cost=10) for _ in range(5000)]
    used: Counter[UUID] = Counter()
    for each in taken(queue_of(*large, *small), 2000):
        used[each.tenant] += each.cost
    assert abs(used[NOISY] - used[QUIET]) <= 1000, "within one call of the largest"


def test_nobody_saves_up_while_nothing_of_theirs_waits() -> None:
    queue = queue_of(*(Waiter(NOISY) for _ in range(100)))
    taken(queue, 50)
    for _ in range(40):
        queue.add(Waiter(QUIET))
    found = Counter(each.tenant for each in taken(queue, 20))
    assert found == {NOISY: 10, QUIET: 10}


def test_production_comes_before_development_which_is_not_starved() -> None:
    ready = [Waiter(NOISY) for _ in range(90)]
    trying = [Waiter(QUIET, kind="development") for _ in range(90)]
    found = Counter(each.kind for each in taken(queue_of(*trying, *ready), 90))
    assert found == {"production": 80, "development": 10}


def test_who_comes_while_another_is_next_and_has_no_room_is_not_behind_its_whole_turn() -> None:
    queue = queue_of(*(Waiter(NOISY, cost=12) for _ in range(9)))
    queue.pop()
    assert queue.head() is not None, "looked at again and again while there is no room"
    queue.add(Waiter(QUIET, cost=12))
    assert [each.tenant for each in taken(queue, 4)] == [QUIET, NOISY, NOISY, NOISY]


def test_who_comes_with_one_at_a_time_gets_no_more_than_its_share() -> None:
    queue = queue_of(*(Waiter(NOISY, cost=12) for _ in range(200)), Waiter(QUIET, cost=12))
    found: Counter[UUID] = Counter()
    for _ in range(100):
        queue.head()
        found[(last := queue.pop()).tenant] += 1
        queue.head()
        if last.tenant == QUIET:
            queue.add(Waiter(QUIET, cost=12))
    assert found[QUIET] <= 51


def test_who_leaves_is_passed_over() -> None:
    first, second = Waiter(NOISY), Waiter(NOISY)
    queue = queue_of(first, second)
    assert queue.head() is first
    queue.remove(first)
    queue.remove(first)
    assert (len(queue), queue.pop()) == (1, second)


def test_a_position_is_about_the_one_that_comes_true() -> None:
    queue = queue_of(*(Waiter(NOISY) for _ in range(30)), *(Waiter(THIRD) for _ in range(2)))
    late = Waiter(QUIET)
    queue.add(late)
    told = queue.position(late)
    order = taken(queue, len(queue))
    assert (told, order.index(late) + 1) == (3, 3)


def test_costs_far_apart_are_no_work() -> None:
    """A call of ten million tokens is not reached by walking ten million rounds."""
    queue = queue_of(Waiter(NOISY, cost=10_000_000), Waiter(QUIET, cost=9_999_999))
    assert [each.tenant for each in taken(queue, 2)] == [QUIET, NOISY]


def test_nor_are_they_after_somebody_left() -> None:
    """Whoever else waited, and wherever they stood in turn."""
    looked_at = 0

    class Counted(Waiter):
        def __getattribute__(self, name: str) -> Any:
            nonlocal looked_at
            looked_at += name == "cost"
            if looked_at > 1000:
                raise AssertionError("rounds are walked one by one")
            return super().__getattribute__(name)

    for kind in ("production", "development"):
        for leaves in range(3):
            waiters = [Counted(tenant, cost=10_000_000) for tenant in (NOISY, THIRD)]
            gone = Counted(QUIET, cost=10_000_000, kind=kind)
            waiters.insert(leaves, gone)
            queue = queue_of(*waiters)
            queue.remove(gone)
            looked_at = 0
            waiters.remove(gone)
            assert taken(queue, 2) == waiters
