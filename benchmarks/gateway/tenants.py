"""What a call costs with 10,000 tenants, by what it costs with 10: calls a second, processor time, p50 and p99.

Two installations stand side by side, alike but for their tenants, each with a gateway process on the first core; the
load on the second one goes to them in turn. Every tenant has a key with its grant, a limit at each of four places and a
hard budget; calls are drawn so that a few tenants make most of them, and tenants come that have not called yet.
Reference: the installation with 10. Bound: no figure worse by more than a tenth.
Run with `python -m benchmarks.gateway.tenants [ROUNDS]`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import psutil

from benchmarks.gateway.load import BODY, LOAD_CORE
from benchmarks.gateway.quick_provider import served
from benchmarks.gateway.references import SERVED_CORE
from benchmarks.ground import embedded_database
from tests.installation import free_port

FEW, MANY = 10, 10_000
ROUNDS, SECONDS, WARM_S = 6, 6.0, 4.0
CONNECTIONS, PACE_PER_S = 10, 200
PLENTY = 1_000_000_000
BOUND = 1.1


@dataclass
class Installation:
    """One with a number of tenants; `tells` carries its figures, a list of each."""

    tenants: int
    port: int
    pid: int
    keys: list[str]
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    tells: dict[str, list[float]] = field(default_factory=dict)

    def key(self) -> str:
        """Of a tenant: a few are drawn often, all of them sometimes."""
        return self.keys[int(len(self.keys) * self.dice.random() ** 3)]

    def note(self, **figures: float) -> None:
        for name, figure in figures.items():
            self.tells.setdefault(name, []).append(figure)

    def processor_s(self) -> float:
        top = psutil.Process(self.pid)
        return sum(each.cpu_times().user + each.cpu_times().system for each in (top, *top.children(recursive=True)))


def main() -> int:
    if sys.argv[1:2] == ["serve"]:
        return _serve(int(sys.argv[2]), int(sys.argv[3]))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with ExitStack() as stack:
        provider = stack.enter_context(served())
        both = [stack.enter_context(_installation(tenants, provider)) for tenants in (FEW, MANY)]
        for installation in both:
            asyncio.run(_load(installation, WARM_S, None))
        for _ in range(rounds):
            for installation in both:
                _measure(installation)
    few, many = both
    print(f"{'':<34}{FEW:>10,}{MANY:>10,}{'ratio':>8}   tenants")
    worst = 0.0
    for name in few.tells:
        one, other = statistics.median(few.tells[name]), statistics.median(many.tells[name])
        worse = one / other if name.startswith("calls") else other / one
        worst = max(worst, worse)
        print(f"{name.replace('_', ' '):<34}{one:>10.2f}{other:>10.2f}{other / one:>8.2f}")
    return int(worst > BOUND)


def _measure(installation: Installation) -> None:
    before = installation.processor_s()
    times = asyncio.run(_load(installation, SECONDS, None))
    took = installation.processor_s() - before
    installation.note(calls_a_second=len(times) / SECONDS, processor_us_of_a_call=took / len(times) * 1e6)
    cuts = statistics.quantiles(asyncio.run(_load(installation, SECONDS, PACE_PER_S)), n=100)
    installation.note(p50_ms_at_a_pace=cuts[49] * 1e3, p99_ms_at_a_pace=cuts[98] * 1e3)


async def _load(installation: Installation, seconds: float, per_second: float | None) -> list[float]:
    """Seconds that each call took: as fast as it goes, or at a pace together, each connection one call at a time."""
    times: list[float] = []
    end, turns = time.perf_counter() + seconds, itertools.count()
    began = time.perf_counter()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
        while True:
            if per_second:
                await asyncio.sleep(max(0.0, began + next(turns) / per_second - time.perf_counter()))
            if time.perf_counter() > end:
                break
            asked = time.perf_counter()
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
                b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
                % (installation.key().encode(), len(BODY), BODY)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not head.startswith(b"http/1.1 200"):
                raise SystemExit(f"a call was not answered: {head[:300]!r}")
            await reader.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
            times.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return times


@contextmanager
def _installation(tenants: int, provider: int) -> Iterator[Installation]:
    command = [sys.executable, "-m", "benchmarks.gateway.tenants", "serve", str(tenants), str(provider)]
    process = subprocess.Popen(
        ["taskset", "-c", SERVED_CORE, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("{"):
                yield Installation(tenants, **json.loads(line))
                return
            print(line, end="", file=sys.stderr)
        raise SystemExit(f"the installation of {tenants:,} tenants did not come up")
    finally:
        process.communicate()  # its input ends, and so does it
        process.wait()


def _serve(tenants: int, provider: int) -> int:
    """An installation until its input ends; tells where, and the keys of its tenants, in one line."""
    with embedded_database():
        from tenants.scope import everything

        with everything("a measurement arranges"):
            keys = _arranged(tenants, provider)
        port = free_port()
        command = [sys.executable, "-m", "portal.command", "gateway", "--workers", "1"]
        gateway = subprocess.Popen(command, env=os.environ | {"PORT": str(port)}, stderr=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            while time.monotonic() - began < 120 and not _is_ready(port):
                time.sleep(0.1)
            print(json.dumps({"port": port, "pid": gateway.pid, "keys": keys}), flush=True)
            sys.stdin.read()
        finally:
            gateway.terminate()
            gateway.wait()
    return 0


def _arranged(tenants: int, provider: int) -> list[str]:
    from django.conf import settings
    from django.db import connection

    from access.models import Grant
    from benchmarks.scale import Size, build
    from tenants import secrets
    from tenants.models import ApiKey
    from tests.cast import route
    from usage.limits.tables import Budget, Limit, Metric

    build(Size(models=100, tenants=tenants, calls=0, entries=0, people=1))
    made = route("echo-model", base_url=f"http://127.0.0.1:{provider}/v1")
    rows = list(ApiKey.objects.filter(environment__kind="development").select_related("environment").order_by("pk"))
    of_each = list({row.tenant_id: row for row in rows}.values())
    shown = [secrets.make("dev") for _ in of_each]
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE tenants_apikey SET prefix = %s, secret_hash = %s WHERE id = %s",
            [(secret.prefix, secret.secret_hash, row.pk) for row, secret in zip(of_each, shown, strict=True)],
        )
    Grant.objects.bulk_create(
        [Grant(tenant_id=row.tenant_id, environment=row.environment, route=made) for row in of_each], batch_size=1000
    )
    limits, budgets = [], []
    for row in of_each:
        places = ({}, {"project_id": row.environment.project_id}, {"environment": row.environment}, {"key": row})
        for place in places:
            limits.append(Limit(tenant_id=row.tenant_id, metric=Metric.REQUESTS, amount=PLENTY, **place))
        budgets.append(
            Budget(tenant_id=row.tenant_id, amount=Decimal(1_000_000), currency=settings.CURRENCY, is_hard=True)
        )
    Limit.objects.bulk_create(limits, batch_size=1000)
    Budget.objects.bulk_create(budgets, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return [secret.text for secret in shown]


def _is_ready(port: int) -> bool:
    from tests.chaos.gateways import facts

    return facts(port) is not None


if __name__ == "__main__":
    sys.exit(main())
