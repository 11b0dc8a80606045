"""Read stored responses from the database, which nothing else on a call's way does: only a request that names one.

A database that is away, or does not answer in time, is told as that: a conversation is never guessed. What another
process has just stored may be a moment away, so a name that can only be ours is looked for again for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from django.conf import settings

from gateway.loading import connect
from gateway.responses.refusals import StoreBusy, StoreUnreachable
from gateway.rows import Connection
from usage.bodies.sealing import unseal

WITHIN_S = 3.0  # for which one answer of the database is waited for
TURN_WITHIN_S = 3.0  # for which a connection is waited for
AT_ONCE, OF_A_TENANT = 4, 2  # connections of one process, and those of them that one tenant has at once
MOST_TURNS = 1000  # of a conversation
PAUSES_S = (0.02, 0.03, 0.05, 0.1, 0.1, 0.2, 0.25, 0.25, 0.5, 0.5)  # how long it is looked for again: two seconds
SLACK_S = 60.0

_WHOSE = "tenant_id = %(tenant)s AND environment_id = %(environment)s"
_IS_THERE = "is_response AND NOT is_deleted AND erase_at > now() AND prompt IS NOT NULL AND answer IS NOT NULL"
_ONE = f"SELECT ({_IS_THERE}), prompt, answer FROM usage_body WHERE id = %(call)s AND {_WHOSE}"
_CHAIN = f"""
WITH RECURSIVE chain AS (
    SELECT id, previous, prompt_bytes + answer_bytes AS size, ({_IS_THERE}) AS is_there, 1 AS place
      FROM usage_body WHERE id = %(call)s AND {_WHOSE}
    UNION ALL
    SELECT body.id, body.previous, body.prompt_bytes + body.answer_bytes, ({_IS_THERE}), chain.place + 1
      FROM usage_body body JOIN chain ON body.id = chain.previous
     WHERE {_WHOSE} AND chain.is_there AND chain.place < %(most)s
)
SELECT id, previous, size, is_there FROM chain ORDER BY place DESC
"""
_CONTENTS = f"""
SELECT id, prompt, answer, data_classes, end_user_hashes
  FROM usage_body WHERE id = ANY(%(calls)s) AND {_WHOSE} AND {_IS_THERE}
"""
_DELETE = f"UPDATE usage_body SET is_deleted = true WHERE id = %(call)s AND {_WHOSE} AND {_IS_THERE} RETURNING id"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose responses are read, and the key that they are sealed with."""

    tenant: UUID
    environment: UUID
    secret: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is kept of one call whose response is stored."""

    call: UUID
    prompt: bytes
    answer: bytes
    data_classes: frozenset[str] = frozenset()
    end_user_hashes: frozenset[str] = frozenset()

    def opened(self, place: Place) -> tuple[bytes, bytes]:
        """What was asked and what was answered. Raises `Unreadable`."""
        return (
            unseal(place.secret, place.tenant, self.call, "prompt", self.prompt),
            unseal(place.secret, place.tenant, self.call, "answer", self.answer),
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """The calls of a conversation from its beginning, and how many bytes were asked and answered in them. Not
    `is_whole`: one before the last is gone."""

    calls: tuple[UUID, ...]
    size: int
    is_whole: bool

    @property
    def is_full(self) -> bool:
        """Whether nothing goes on from it, as it has as many calls as a conversation may have."""
        return len(self.calls) >= MOST_TURNS


class Store:
    """The stored responses as one event loop reads them, over a few connections of its own."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(AT_ONCE)
        self._shares: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()  # by tenant, while in use
        self._is_closed = False

    async def one(self, place: Place, call: UUID) -> Sealed | None:
        """The response that `call` made; None where there is none. Raises `StoreUnreachable` and `StoreBusy`."""

        async def read(connection: Connection) -> tuple[Sealed | None] | None:
            cursor = await connection.execute(_ONE, _named(place, call=call))
            if (row := await cursor.fetchone()) is None:
                return None
            return (Sealed(call, row[1], row[2]) if row[0] else None,)

        found = await self._soon(call, lambda: self._asked(place, read))
        return found[0] if found else None

    async def chain(self, place: Place, call: UUID) -> Chain | None:
        """The conversation that ends with `call`, without what was said in it; None where there is no such response.
        Raises `StoreUnreachable` and `StoreBusy`."""

        async def read(connection: Connection) -> tuple[Chain | None] | None:
            cursor = await connection.execute(_CHAIN, _named(place, call=call, most=MOST_TURNS))
            if not (rows := await cursor.fetchall()):
                return None
            if not rows[-1][3]:
                return (None,)
            is_whole = rows[0][1] is None and all(row[3] for row in rows)
            return (Chain(tuple(row[0] for row in rows), sum(row[2] for row in rows), is_whole),)

        found = await self._soon(call, lambda: self._asked(place, read))
        return found[0] if found else None

    async def contents(self, place: Place, chain: Chain) -> list[Sealed] | None:
        """What was said in the calls of `chain`, in its order; None where something of it is gone by now. Raises
        `StoreUnreachable` and `StoreBusy`."""

        async def read(connection: Connection) -> list[Sealed]:
            cursor = await connection.execute(_CONTENTS, _named(place, calls=list(chain.calls)))
            rows = {row[0]: Sealed(*row[:3], *map(frozenset, row[3:])) for row in await cursor.fetchall()}
            return [rows[call] for call in chain.calls if call in rows]

        found = await self._asked(place, read)
        return found if len(found) == len(chain.calls) else None

    async def delete(self, place: Place, call: UUID) -> bool:
        """Let no program reach the response any more; whether there was one. Raises `StoreUnreachable` and
        `StoreBusy`."""

        async def write(connection: Connection) -> bool:
            cursor = await connection.execute(_DELETE, _named(place, call=call))
            return await cursor.fetchone() is not None

        return await self.one(place, call) is not None and await self._asked(place, write)

    async def close(self) -> None:
        """Let go of the connections; one that is asked lets go of itself."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    def release(self) -> None:
        """The same at once, where the loop has ended."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().pgconn.finish()

    async def _soon[Found](self, call: UUID, look: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """What `look` finds, now or in a moment: what a process stores is in the database right after it was told."""
        found = await look()
        pauses = PAUSES_S if time.time() - (call.int >> 80) / 1000 < _longest_s() else ()
        for pause_s in pauses:
            if found is not None:
                break
            await asyncio.sleep(pause_s)
            found = await look()
        return found

    async def _asked[Found](self, place: Place, work: Callable[[Connection], Awaitable[Found]]) -> Found:
        """What `work` finds in a transaction that sees the rows of one tenant. A connection that broke since it was
        last used is replaced once."""
        async with self._turn(place.tenant):
            while True:
                is_fresh = not self._idle
                try:
                    async with asyncio.timeout(WITHIN_S):
                        return await self._with_one(place, work)
                except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, OSError) as error:
                    if is_fresh or isinstance(error, TimeoutError):
                        raise StoreUnreachable from error
                    self._idle, broken = [], self._idle
                    for connection in broken:
                        await connection.close()

    @asynccontextmanager
    async def _turn(self, tenant: UUID) -> AsyncIterator[None]:
        """Room for one connection, of which no tenant has more than its share. Raises `StoreBusy`."""
        if (share := self._shares.get(tenant)) is None:
            share = self._shares[tenant] = asyncio.Semaphore(OF_A_TENANT)
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(TURN_WITHIN_S):
                    await held.enter_async_context(share)
                    await held.enter_async_context(self._room)
            except TimeoutError as error:
                raise StoreBusy from error
            yield

    async def _with_one[Found](self, place: Place, work: Callable[[Connection], Awaitable[Found]]) -> Found:
        connection = self._idle.pop() if self._idle else await connect()
        is_fit = False
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('atrium.tenants', %s, true)", [f"{{{place.tenant}}}"])
                found = await work(connection)
            is_fit = not self._is_closed
            return found
        finally:
            if is_fit:
                self._idle.append(connection)
            else:
                await connection.close()


def _named(place: Place, **more: object) -> dict[str, object]:
    return {"tenant": place.tenant, "environment": place.environment, **more}


def _longest_s() -> float:
    """How long ago a call can have begun that has ended just now."""
    return float(settings.GATEWAY_TIMEOUTS_S[-1]) + SLACK_S
