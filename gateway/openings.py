"""Open calls in the database before a provider is asked: those that wait at a moment share one statement.

Without the database no call is opened, and so none is made. A process that others have taken for gone meanwhile
(`gateway.gone`) has no row there any more, so nothing can be opened in its name; it begins again as a new one, with
calls that reserve anew of the budgets that hold them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import orjson
import psycopg

from gateway.grouping import Group
from gateway.loading import connect
from gateway.rows import Connection
from refusals import Refusal
from usage.openings import OPEN, REGISTER

WITHIN_S = 5.0  # a call waits no longer for the database
RETRY_AFTER_S = 5


class LedgerUnreachable(Refusal):
    """Calls are to be opened in the database first, and it does not take them."""

    code = "ledger_unreachable"
    status = 503
    title = "Calls cannot be opened in the ledger"


class WasTakenForGone(psycopg.OperationalError):
    def __init__(self) -> None:
        super().__init__(
            "other processes took this one for gone and ended its account; its running calls are in the ledger as "
            "interrupted"
        )


class Openings:
    """Those of one event loop, in the name of its journal."""

    def __init__(self, holder: str, was_taken_for_gone: Callable[[], None]) -> None:
        self._holder, self._was_taken_for_gone = holder, was_taken_for_gone
        self._group = Group(self._write, _refused)
        self._connection: Connection | None = None
        self._is_registered = False

    def check(self) -> None:
        self._group.check()

    def opened(self, row: bytes) -> asyncio.Future[None]:
        return self._group.add(row)

    def closed(self) -> None:
        """The ledger's own transaction removes the opening."""

    async def end(self) -> None:
        await self._group.end()
        await self._leave()

    async def _write(self, rows: list[bytes]) -> None:
        if not rows:
            return
        opening = asyncio.ensure_future(self._open(rows))
        done, _ = await asyncio.wait({opening}, timeout=WITHIN_S)
        if not done:  # it says nothing, and would be waited for when it is asked to leave off, too
            opening.cancel()
            opening.add_done_callback(_let_go)
            held, self._connection = self._connection, None
            if held is not None:
                held.pgconn.finish()
            raise TimeoutError(f"the database has not answered within {WITHIN_S:g} seconds")
        try:
            opening.result()
        except BaseException:
            await self._leave()
            raise

    async def _open(self, rows: list[bytes]) -> None:
        connection = self._connection or await self._connect()
        read = [orjson.loads(row) for row in rows]
        told = [[row["id"] for row in read], [row["tenant_id"] for row in read], [row.decode() for row in rows]]
        cursor = await connection.execute(OPEN, [self._holder, *told])
        found = await cursor.fetchone()
        if found is None or not found[0]:
            await self._register(connection)

    async def _connect(self) -> Connection:
        connection = self._connection = await connect()
        await connection.execute(f"SET statement_timeout = {int(WITHIN_S * 1000)}")
        # Whoever asks for this wants it on the database's disk, whatever is set for everything else.
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        await self._register(connection)
        return connection

    async def _register(self, connection: Connection) -> None:
        """Raises `WasTakenForGone` where it was registered before: what is to be opened at this moment has reserved
        money that others may spend by now."""
        cursor = await connection.execute(REGISTER, [self._holder])
        was_registered, self._is_registered = self._is_registered, True
        if was_registered and cursor.rowcount:
            self._was_taken_for_gone()
            raise WasTakenForGone

    async def _leave(self) -> None:
        held, self._connection = self._connection, None
        if held is not None:
            with suppress(psycopg.Error, OSError):
                await held.close()


def _let_go(opening: asyncio.Future[None]) -> None:
    if not opening.cancelled():
        opening.exception()


def _refused() -> LedgerUnreachable:
    return LedgerUnreachable(
        "Calls are written into the ledger before they are made, and its database does not take them at the moment. "
        "Please send the request again.",
        retry_after_s=RETRY_AFTER_S,
    )
