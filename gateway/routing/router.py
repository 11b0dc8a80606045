"""What one event loop knows of all deployments, and the choices that it made lately. Lives as long as its runtime.

Nothing here waits for anything. What other processes found is brought by `gateway.routing.telling`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.admission import Admitted
from gateway.routing.choosing import Choice, Said, sentences
from gateway.routing.retry_budget import RetryBudget
from gateway.routing.standing import Standing

if TYPE_CHECKING:
    from gateway.snapshot import Snapshot, Target

LAST, NOTABLE = 5, 20  # choices that are remembered: any, and those in which somebody was passed over or failed

SUSPICION_S = 5.0  # what answered here so lately is not suspected for what others say


class Router:
    """Of one event loop. `now` is its clock (seconds that only go on), `random` what weighs, `on_failed` is told of
    each deployment that failed, whose standing may be another."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        on_failed: Callable[[UUID], None] = lambda deployment_id: None,
    ) -> None:
        self.now, self.on_failed = now, on_failed
        self.random = random or Random()  # noqa: S311  # it spreads load and hides nothing
        self.last: deque[tuple[float, str, Said]] = deque(maxlen=LAST)
        self.notable: deque[tuple[float, str, Said]] = deque(maxlen=NOTABLE)
        self._standings: dict[UUID, Standing] = {}
        self._budgets: dict[str, RetryBudget] = {}

    @property
    def knows_any(self) -> bool:
        """Whether anything was asked of it yet."""
        return bool(self._standings)

    def choose(self, admitted: Admitted) -> Choice:
        """The choice for a call that was admitted."""
        slug, now = admitted.route.slug, self.now()
        budget = self._budgets.get(slug)
        if budget is None:
            budget = self._budgets[slug] = RetryBudget(now)
        budget.earns(now)
        return Choice(self, admitted, budget)

    def standing(self, target: Target) -> Standing:
        """What is known of a deployment."""
        found = self._standings.get(target.deployment_id)
        if found is None:
            found = self._standings[target.deployment_id] = Standing(target, self.random)
        return found

    def fresh(self, snapshot: Snapshot) -> None:
        """A new snapshot is in force: what is gone is forgotten, what leads elsewhere now begins anew."""
        there = {target.deployment_id: target for route in snapshot.routes.values() for target in route.targets}
        for key in list(self._standings):
            target, standing = there.get(key), self._standings[key]
            if target is None or not standing.is_at(target):
                del self._standings[key]
            else:
                standing.knows(target, snapshot.routes)
        self._budgets = {slug: each for slug, each in self._budgets.items() if slug in snapshot.routes}

    def hears(self, opened: Iterable[str]) -> None:
        """Other processes have the breakers of these deployments open: here one failure is enough."""
        now = self.now()
        for key in opened:
            standing = self._standings.get(UUID(key))
            if standing is not None and not standing.has_answered_since(now - SUSPICION_S):
                standing.breaker.suspects()

    def report(self) -> dict[str, Any]:
        """How everything stands in this process, for the page that shows all processes. Moments are seconds since the
        epoch."""
        now = self.now()
        calls: dict[str, dict[str, int]] = defaultdict(dict)
        for key, standing in self._standings.items():
            for slug, recent in standing.by_route.items():
                if count := recent.totals(now)[0]:
                    calls[slug][str(key)] = count
        return {
            "deployments": {str(key): self._told(each, now) for key, each in self._standings.items()},
            "routes": calls,
            "retries_left": {slug: budget.left(now) for slug, budget in self._budgets.items()},
            "choices": [
                {"at": at, "route": slug, "reasons": [_storable(each) for each in sentences(said)]}
                for at, slug, said in self._remembered()
            ],
        }

    def clock_time(self, moment: float) -> str:
        """A moment of this clock as people read it, in UTC."""
        return f"{dt.datetime.fromtimestamp(self._wall(moment), dt.UTC):%H:%M:%S} UTC"

    def _remembered(self) -> list[tuple[float, str, Said]]:
        """Each once, the newest first."""
        of_all = {id(said): (at, slug, said) for at, slug, said in [*self.notable, *self.last]}
        return sorted(of_all.values(), key=lambda each: -each[0])

    def _told(self, standing: Standing, now: float) -> dict[str, Any]:
        breaker, latency = standing.breaker, standing.latency(is_streamed=True)
        failed, busy = standing.recent.totals(now)
        return {
            "breaker": breaker.state,
            "since": self._wall(breaker.since) if breaker.is_open else None,
            "why": breaker.why if breaker.is_open else "",
            "failures": breaker.failures if breaker.is_open else 0,
            "probe_at": self._wall(breaker.probe_at) if breaker.is_open else None,
            "paused_until": self._wall(standing.paused_until) if standing.paused_until > now else None,
            "asked_for_pause": standing.asked_for_pause,
            "under_way": standing.under_way,
            "calls": sum(calls.totals(now)[0] for calls in standing.by_route.values()),
            "failed": failed,
            "busy": busy,
            "first_tokens_ms": [round(seconds * 1000) for seconds in standing.first_tokens],
            "average_ms": round(latency.last_s * 1000) if latency.is_known else None,
        }

    def _wall(self, moment: float) -> float:
        return time.time() + moment - self.now()


def _storable(text: str) -> str:
    """Without what the database's JSON does not take: it may name what a caller sent."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
