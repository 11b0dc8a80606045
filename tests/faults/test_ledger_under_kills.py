"""Parts are killed and the whole is stopped while calls stream: all comes back, no call is missing or there twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil
import psycopg
import pytest

from portal.embedded import addresses
from tests.faults.load import Load, Memory
from tests.gateway.provider import Exchange, Provider, chunk
from tests.installation import Installation, lives, until

CLIENTS = {"echo-model": 5, "smollm2": 1}
ROWS = "SELECT request_id, id::text, outcome, route, output_tokens FROM usage_call"


async def a_few_words(exchange: Exchange) -> None:
    """A stream of half a second, so that some are always under way."""
    await exchange.head(kind="text/event-stream")
    for _ in range(25):
        await exchange.event(chunk(" word"))
        await asyncio.sleep(0.02)
    await exchange.event(chunk(finish="stop"))
    await exchange.event(b"[DONE]")
    await exchange.end()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        running.behaves(a_few_words)
        yield running


def whole_since(memory: Memory, before: set[str]) -> bool:
    """Whether calls of every route have come to their end since `before`."""
    return {name.rsplit("-", 2)[0] for name in set(memory.whole) - before} == set(CLIENTS)


def kill(installation: Installation, part: str) -> None:
    """`kill -9` of a part, or of the one process that serves inside it."""
    pid = until(lambda: installation.pid(part.split()[-1]), within_s=10, what=f"{part} runs")
    if part.startswith("a process"):
        (pid,) = (child.pid for child in psutil.Process(pid).children())
    os.kill(pid, signal.SIGKILL)


def ledger(installation: Installation) -> psycopg.Connection[Any]:
    """A connection that the wall in the database shows the calls of every tenant."""
    return psycopg.connect(addresses.database_url(installation.data_folder), options="-c atrium.tenants=*")


def rows(installation: Installation) -> list[Any]:
    with ledger(installation) as connection:
        return connection.execute(ROWS).fetchall()


def test_no_call_is_missing_or_doubled_when_every_part_is_killed_under_load(
    installation: Installation, provider: Provider
) -> None:
    made = installation.run(
        "shell", "-v", "0", "-c", f"from tests.faults import team; print(team.key_for({provider.url!r}))"
    )
    assert made.returncode == 0, made.stderr
    with Load(f"http://127.0.0.1:{installation.port}", made.stdout.split()[-1], CLIENTS) as memory:
        until(lambda: whole_since(memory, set()), within_s=30, what="calls go through")
        for part in ("web", "worker", "models", "postgres", "a process of web"):
            kill(installation, part)
            until(partial(whole_since, memory, set(memory.whole)), within_s=30, what=f"calls go through without {part}")
        everything = installation.processes()
        assert installation.stop() < 10, "stopped in time, with streams under way"
        assert not any(lives(one) for one in everything)
        installation.start()
        until(partial(whole_since, memory, set(memory.whole)), within_s=30, what="calls go through after a restart")
    until(
        lambda: rows_are_all_there(installation, memory), within_s=20, what="the journals are carried into the ledger"
    )

    kept = rows(installation)
    times = Counter(row[0] for row in kept)
    assert {name for name, count in times.items() if count > 1} == set(), "in the ledger twice"
    assert set(times) <= memory.sent
    ids = {row[0]: row[1] for row in kept}
    assert memory.accepted == {name: ids.get(name) for name in memory.accepted}
    reached = set(
        re.findall(r"\((echo-model-\d+-\d+)\)", " ".join(str(each.body) for each in list(provider.exchanges)))
    )
    assert reached - set(times) == set(), "the provider had it, the ledger has not"
    outcomes = {row[0]: row[2] for row in kept}
    assert {name for name in memory.whole if outcomes[name] != "ok"} == set()
    assert "interrupted" in outcomes.values(), "some calls were under way when their process was killed"
    with ledger(installation) as connection:
        sums = "SELECT sum(calls), sum(output_tokens), sum(cost) FROM usage_rollup"
        counted = "SELECT count(*), sum(output_tokens), sum(cost) FROM usage_call"
        assert connection.execute(sums).fetchone() == connection.execute(counted).fetchone()


def rows_are_all_there(installation: Installation, memory: Memory) -> bool:
    return set(memory.accepted) <= {row[0] for row in rows(installation)}
