"""What the gateway holds of 1,000 tenants, 20,000 people and 200,000 keys: read whole, kept fresh, asked at a call.

References, in the same run: for reading, the same rows fetched by the same connection and thrown away; for a change,
the reading of everything; for the check of a key, the keyed hash of its secret alone. Bounds: 2 s to read everything,
20 µs to check a key. Run with `python -m benchmarks.snapshot`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.ground import embedded_database

KEYS_OF_AN_ENVIRONMENT = 34
PEOPLE_OF_A_TENANT = 20
CHECKS = 20_000


def main() -> int:
    with embedded_database():
        from benchmarks.scale import Size, build

        build(Size(models=100, calls=0, entries=0, people=PEOPLE_OF_A_TENANT, keys=KEYS_OF_AN_ENVIRONMENT))
        asyncio.run(_measured())
    return 0


async def _measured() -> None:
    from asgiref.sync import sync_to_async

    from gateway import loading, rows
    from gateway.admission import authenticate
    from tenants import secrets

    issued = await sync_to_async(_issue)()
    connection = await loading.connect()

    async def fetched() -> None:
        for query in (rows.KEYS, rows.PLACES, rows.GRANTS):
            cursor = await connection.execute(query)
            await cursor.fetchall()

    reference = await _median_ms(fetched, 3)
    held = await loading.load(connection)
    whole = await _median_ms(lambda: loading.load(connection), 3)
    longest = await _longest_pause_ms(loading.load(connection))
    print(f"{len(held.keys):,} keys, {len(held.places):,} environments")
    print(f"everything read   {whole:>9.1f} ms  {whole / reference:>7.2f} of fetching the rows ({reference:.1f} ms)")
    print(f"  other calls wait at most {longest:.1f} ms for it at a time")
    changes = []
    for _ in range(20):
        await sync_to_async(_revoke_and_issue)(issued)
        began = time.perf_counter()
        after = await loading.refresh(connection, held)
        changes.append((time.perf_counter() - began) * 1000)
        assert after is not held
        held = after
    change = statistics.median(changes)
    print(f"one key changed   {change:>9.1f} ms  {change / whole:>7.3f} of reading everything")
    text, now = issued["secret"], dt.datetime.now(dt.UTC)
    secret_hash = held.keys[str(secrets.prefix_of(text))].secret_hash
    hashed = _median_us(lambda: secrets.keyed_hash(text))
    checked = _median_us(lambda: authenticate(held, f"Bearer {text}", now, lambda: None))
    print(f"a key checked     {checked:>9.2f} us  {checked / hashed:>7.2f} of its keyed hash ({hashed:.2f} us)")
    assert secret_hash
    await connection.close()


def _issue() -> dict[str, Any]:
    from audit.record import SYSTEM
    from tenants.keys import issue
    from tenants.models import Environment

    environment = Environment.objects.select_related("tenant", "project").order_by("pk").first()
    assert environment is not None
    made = issue(environment=environment, name="measured", by=SYSTEM)
    return {"secret": made.secret, "environment": environment}


def _revoke_and_issue(issued: dict[str, Any]) -> None:
    from audit.record import SYSTEM
    from tenants.keys import issue, revoke

    revoke(key=issue(environment=issued["environment"], name="changed", by=SYSTEM).key, by=SYSTEM)


async def _median_ms(of: Callable[[], Awaitable[Any]], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await of()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def _longest_pause_ms(work: Awaitable[Any]) -> float:
    """The longest that something else in the same loop had to wait while `work` was done."""
    longest, task = 0.0, asyncio.ensure_future(work)
    while not task.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, (time.perf_counter() - began) * 1000)
    return longest


def _median_us(of: Callable[[], Any]) -> float:
    taken = []
    for _ in range(CHECKS):
        began = time.perf_counter()
        of()
        taken.append((time.perf_counter() - began) * 1_000_000)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
