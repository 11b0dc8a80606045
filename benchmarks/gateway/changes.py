"""How long until a change is in force in every gateway process, under load: a key revoked, a grant withdrawn and given
again, a price changed, a route moved to another deployment.

Three processes, each with calls at a steady pace; the time runs from the change's commit to the first call that each of
them answers by it, and the slowest of the three counts. Reference, in the same run: a bare `NOTIFY` from one connection
until another one that listens has heard it. Bound: 1 s at p99. `python -m benchmarks.gateway.changes [ROUNDS]`.
"""

from __future__ import annotations

import http.client
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from benchmarks.gateway.load import BODY
from benchmarks.gateway.quick_provider import served
from benchmarks.ground import embedded_database
from tests.chaos.gateways import Gateways

PROCESSES, PACE_PER_S, ROUNDS = 3, 60, 100  # calls a second to each process
LOOKS_APART_S = 0.004
GIVES_UP_S = 30.0
BOUND_S = 1.0
ROUTE = "echo-model"
TOKENS = 13  # of a call, as the provider tells


@dataclass(frozen=True)
class Answer:
    """What a call was answered."""

    status: int
    headers: dict[str, str]


Expected = Callable[[Answer], bool]


class Caller:
    """One connection to one gateway process."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVES_UP_S)

    def call(self, secret: str) -> Answer:
        """A whole call."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {secret}"}
        self._connection.request("POST", "/v1/chat/completions", BODY, headers)
        answer = self._connection.getresponse()
        answer.read()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with embedded_database(), served() as port:
        from tenants.scope import everything

        with everything("a measurement arranges"):
            team = Team(f"http://127.0.0.1:{port}/v1")
        with Gateways(PROCESSES) as gateways, _load(gateways.ports, team.secret):
            callers = [Caller(port) for port in gateways.ports]
            took: dict[str, list[float]] = {"a bare NOTIFY": [_notified() for _ in range(rounds)]}
            with everything("a measurement changes"):
                for _ in range(rounds):
                    for name, secret, change, expected in team.changes():
                        took.setdefault(name, []).append(_in_force(callers, secret, change, expected))
    reference = statistics.quantiles(took["a bare NOTIFY"], n=100)
    print(f"{'what':<26}{'p50 ms':>9}{'p99 ms':>9}{'most':>9}{'p99 ratio':>11}")
    for name, times in took.items():
        cuts = statistics.quantiles(times, n=100)
        ratio = cuts[98] / reference[98]
        print(f"{name:<26}{cuts[49] * 1e3:>9.1f}{cuts[98] * 1e3:>9.1f}{max(times) * 1e3:>9.1f}{ratio:>11.1f}")
    return int(any(statistics.quantiles(times, n=100)[98] > BOUND_S for times in took.values()))


class Team:
    """A tenant with a granted route of two deployments, and what is changed about them."""

    def __init__(self, url: str) -> None:
        from catalog.models import Deployment, Route
        from tenants.models import Environment, User
        from tests.faults.team import key_for

        self.secret = key_for(url)
        self._by = User.objects.get(username="olivia")
        self._environment = Environment.objects.select_related("tenant", "project").get(
            project__tenant__slug="acme", kind="development"
        )
        self._route = Route.objects.get(slug=ROUTE)
        self._first = Deployment.objects.get(targets__route=self._route)
        self._second = self._beside(self._first)
        self._price, self._used = Decimal(1), self._first

    def changes(self) -> Iterator[tuple[str, Callable[[], str], Callable[[], object], Expected]]:
        """What is changed, the key that is called with (once the change is made), the change, and the answer by which
        it is known."""
        from access.granting import grant, revoke
        from access.models import Grant
        from catalog.steering import Place, steer
        from tenants import keys
        from usage.prices import set_price

        issued: list[Any] = []
        new: dict[str, Any] = {"environment": self._environment, "name": "for a moment", "by": self._by}
        yield "key issued", lambda: issued[0].secret, lambda: issued.append(keys.issue(**new)), _is(200)
        revoked = {"key": issued[0].key, "by": self._by}
        yield "key revoked", lambda: issued[0].secret, lambda: keys.revoke(**revoked), _is(401)
        given = Grant.objects.get(environment=self._environment, route=self._route, revoked_at=None)
        yield "grant withdrawn", self._held, lambda: revoke(grant=given, by=self._by, reason="measured"), _is(403)
        again: dict[str, Any] = {"environment": self._environment, "route": self._route, "by": self._by}
        yield "grant given", self._held, lambda: grant(**again), _is(200)
        self._price += 1
        priced: dict[str, Any] = {"input_per_million": self._price, "output_per_million": self._price}
        priced |= {"deployment": self._used, "source": "measured", "by": self._by}
        yield "price changed", self._held, lambda: set_price(**priced), _costs(TOKENS * self._price / 1_000_000)
        self._used, other = self._second if self._used == self._first else self._first, self._used
        places = {self._used.pk: Place(1, 1), other.pk: Place(2, 1)}
        moved: dict[str, Any] = {"route": self._route, "by": self._by, "places": places}
        yield "route moved", self._held, lambda: steer(**moved), _from(self._used.upstream_name)

    def _held(self) -> str:
        return self.secret

    def _beside(self, first: Any) -> Any:
        from catalog.models import Deployment, RouteTarget
        from catalog.steering import Place, steer

        second = Deployment.objects.create(version=first.version, provider=first.provider, upstream_name="second")
        RouteTarget.objects.create(route=self._route, deployment=second)
        steer(route=self._route, by=self._by, places={first.pk: Place(1, 1), second.pk: Place(2, 1)})
        return second


def _is(status: int) -> Expected:
    return lambda answer: answer.status == status


def _costs(amount: Decimal) -> Expected:
    return lambda answer: Decimal(answer.headers.get("x-atrium-cost", "-1")) == amount


def _from(name: str) -> Expected:
    return lambda answer: answer.headers.get("x-atrium-deployment", "").endswith(f"/{name}")


def _in_force(
    callers: list[Caller], secret: Callable[[], str], change: Callable[[], object], expected: Expected
) -> float:
    """Seconds from the change's commit until the slowest process answers as expected. Of a key that is not issued yet
    nobody can ask: they begin as the change returns."""
    seen: dict[Caller, float] = {}
    given_up = time.perf_counter() + GIVES_UP_S
    is_made = threading.Event()

    def look(caller: Caller) -> None:
        is_made.wait(GIVES_UP_S)
        called_with = secret()
        while time.perf_counter() < given_up:
            if expected(caller.call(called_with)):
                seen[caller] = time.perf_counter()
                return
            time.sleep(LOOKS_APART_S)

    threads = [threading.Thread(target=look, args=[caller]) for caller in callers]
    for thread in threads:
        thread.start()
    change()
    committed = time.perf_counter()
    is_made.set()
    for thread in threads:
        thread.join()
    if len(seen) < len(callers):
        raise SystemExit(f"a change was not in force within {GIVES_UP_S:.0f} s")
    return max(0.0, max(seen.values()) - committed)


def _notified() -> float:
    """Seconds until a connection has heard what another one told."""
    address = os.environ["DATABASE_URL"]
    with psycopg.connect(address, autocommit=True) as hears, psycopg.connect(address, autocommit=True) as tells:
        hears.execute("LISTEN measured")
        tells.execute("NOTIFY measured")
        told = time.perf_counter()
        next(hears.notifies(timeout=GIVES_UP_S))
        return time.perf_counter() - told


@contextmanager
def _load(ports: list[int], secret: str) -> Iterator[None]:
    """Calls at a steady pace to each process; their answers are not looked at, as grants come and go."""
    ended = threading.Event()

    def keep_calling(port: int) -> None:
        caller, next_one = Caller(port), time.perf_counter()
        while not ended.is_set():
            caller.call(secret)
            next_one += 1 / PACE_PER_S
            ended.wait(max(0.0, next_one - time.perf_counter()))

    threads = [threading.Thread(target=keep_calling, args=[port]) for port in ports]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    sys.exit(main())
