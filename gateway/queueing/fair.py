"""Whose turn it is of those that wait: deficit round robin over classes of environments, and in each over tenants.

M. Shreedhar, G. Varghese, "Efficient Fair Queuing Using Deficit Round-Robin", IEEE/ACM Transactions on Networking 4(3),
1996. The quantum is one token times the weight, the finest there is, so that small calls of many tenants alternate;
rounds in which nobody's deficit would suffice are not walked but added at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Protocol
from uuid import UUID


class Waiting(Protocol):
    """What waits: `cost` in tokens, at least 1; `kind` of the environment; the tenant and its weight."""

    cost: int
    kind: str
    tenant: UUID
    weight: int


class Line[Item: Waiting]:
    """Those of one tenant, in the order in which they came."""

    def __init__(self) -> None:
        self.items: deque[Item] = deque()

    def head(self) -> Item | None:
        return self.items[0] if self.items else None

    def pop(self) -> Item:
        return self.items.popleft()


class _Flow[Item: Waiting]:
    """One of those that take turns, with what it may still use of its turn."""

    __slots__ = ("deficit", "has_turn", "source", "weight")

    def __init__(self, source: Line[Item] | RoundRobin[Item], weight: int) -> None:
        self.source, self.weight = source, weight
        self.deficit, self.has_turn = 0, False


class RoundRobin[Item: Waiting]:
    """Sources that take turns by their weights. Turns advance only as somebody is taken: who was next while there was
    no room is no more so than others when another source comes, else each newcomer would wait for one more."""

    def __init__(self) -> None:
        self.flows: dict[object, _Flow[Item]] = {}
        self._turns: deque[object] = deque()
        self._as_taken: list[tuple[object, int, bool]] | None = None  # the turns when somebody was taken last

    def source[Source](self, key: object, weight: int, make: type[Source]) -> Source:
        """The one called `key`, last in turn where it is new."""
        flow = self.flows.get(key)
        if flow is None:
            self._take_back_turns()
            flow = self.flows[key] = _Flow(make(), weight)  # type: ignore[arg-type]  # a line, or others in turn
            self._turns.append(key)
        flow.weight = weight
        return flow.source  # type: ignore[return-value]  # what `make` makes

    def head(self) -> Item | None:
        """Who is next, and stays so until somebody is taken or comes."""
        if self._as_taken is None:
            self._as_taken = [(key, (held := self.flows[key]).deficit, held.has_turn) for key in self._turns]
        walked = 0
        while self._turns:
            if walked >= len(self._turns):  # fewer than were walked, where some left meanwhile
                self._skip_rounds()
                walked = 0
            key = self._turns[0]
            flow = self.flows[key]
            item = flow.source.head()
            if item is None:  # an empty one keeps no deficit: nobody saves up for later
                self._turns.popleft()
                del self.flows[key]
                continue
            if not flow.has_turn:
                flow.deficit, flow.has_turn = flow.deficit + flow.weight, True
            if item.cost <= flow.deficit:
                return item
            flow.has_turn = False
            self._turns.rotate(-1)
            walked += 1
        return None

    def pop(self) -> Item:
        """Take who is next. Raises `IndexError` when nobody waits."""
        item = self.head()
        if item is None:
            raise IndexError("nobody waits")
        flow = self.flows[self._turns[0]]
        flow.deficit -= item.cost
        flow.source.pop()
        self._as_taken = None
        return item

    def _take_back_turns(self) -> None:
        """As they were when somebody was taken last, but for those of whom nobody waits any more."""
        if self._as_taken is not None:
            self._turns = deque(key for key, _, _ in self._as_taken if key in self.flows)
            for key, deficit, has_turn in self._as_taken:
                if (flow := self.flows.get(key)) is not None:
                    flow.deficit, flow.has_turn = deficit, has_turn
            self._as_taken = None

    def _skip_rounds(self) -> None:
        """Add as many rounds as pass before anybody can be served, but for the one that serves."""
        waiting = [(flow, head.cost) for flow in self.flows.values() if (head := flow.source.head()) is not None]
        rounds = min((math.ceil((cost - flow.deficit) / flow.weight) for flow, cost in waiting), default=1) - 1
        for flow, _ in waiting:
            flow.deficit += max(0, rounds) * flow.weight


class FairQueue[Item: Waiting]:
    """Those that wait for one deployment. `shares` weighs the kinds of environments against each other."""

    def __init__(self, shares: Mapping[str, int]) -> None:
        self._shares = shares
        self._kinds: RoundRobin[Item] = RoundRobin()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """All that wait, those of one tenant in their order."""
        for kind in self._kinds.flows.values():
            if isinstance(kind.source, RoundRobin):
                for tenant in kind.source.flows.values():
                    if isinstance(tenant.source, Line):
                        yield from tenant.source.items

    @property
    def weight(self) -> int:
        """Of all that wait: of each tenant once for each kind of environment, by the kind's share."""
        return sum(
            self._share(str(kind)) * sum(line.weight for line in flow.source.flows.values() if _size(line.source))
            for kind, flow in self._kinds.flows.items()
            if isinstance(flow.source, RoundRobin)
        )

    def add(self, item: Item) -> None:
        """Let `item` wait, last of its tenant."""
        tenants: RoundRobin[Item] = self._kinds.source(item.kind, self._share(item.kind), RoundRobin)
        line: Line[Item] = tenants.source(item.tenant, item.weight, Line)
        line.items.append(item)
        self._count += 1

    def remove(self, item: Item) -> None:
        """`item` waits no more; nothing changes where it does not."""
        line = self._line(item)
        if line is not None and item in line.items:
            line.items.remove(item)
            self._count -= 1

    def head(self) -> Item | None:
        """Whose turn it is."""
        return self._kinds.head()

    def pop(self) -> Item:
        """Take whose turn it is."""
        self._count -= 1
        return self._kinds.pop()

    def position(self, item: Item) -> int:
        """About the how-manieth `item` is: itself, those of its tenant before it, and of others as many as their
        weights let pass meanwhile. 1: it is next. As if calls cost the same."""
        line = self._line(item)
        own = (list(line.items).index(item) if line and item in line.items else len(line.items) if line else 0) + 1
        tenants = self._kinds.flows.get(item.kind)
        inside = own
        for key, flow in tenants.source.flows.items() if tenants and isinstance(tenants.source, RoundRobin) else ():
            if key != item.tenant:
                inside += min(_size(flow.source), math.ceil(own * flow.weight / item.weight))
        share = self._share(item.kind)
        others = [flow for kind, flow in self._kinds.flows.items() if kind != item.kind]
        return inside + sum(min(_size(flow.source), math.ceil(inside * flow.weight / share)) for flow in others)

    def _share(self, kind: str) -> int:
        return max(1, self._shares.get(kind, 1))

    def _line(self, item: Item) -> Line[Item] | None:
        of_kind = self._kinds.flows.get(item.kind)
        if of_kind is None or not isinstance(of_kind.source, RoundRobin):
            return None
        found = of_kind.source.flows.get(item.tenant)
        return found.source if found is not None and isinstance(found.source, Line) else None


def _size[Item: Waiting](source: Line[Item] | RoundRobin[Item]) -> int:
    if isinstance(source, Line):
        return len(source.items)
    return sum(_size(flow.source) for flow in source.flows.values())
