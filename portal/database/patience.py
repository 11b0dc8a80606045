"""How long one statement of a page may take, and what is done about one that takes longer.

A server that is stopped closes its connections; one that hangs, or whose network is cut, says nothing at all, and a
statement would wait for it for ever. So whoever serves people gives each statement a limit, kept where psycopg waits
for the server's answer. Jobs have none: they may take their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

CHECK_S = 1.5  # an idle connection of the pool answers an empty statement within that, or is given up
CANCEL_S = 1.0
POLL_S = 0.1  # how often a wait looks whether it was interrupted; psycopg's own

_limit_s: ContextVar[float | None] = ContextVar("limit of a statement", default=None)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Inside, a statement that takes longer than `seconds` ends with an error and its connection is closed."""
    token = _limit_s.set(seconds)
    try:
        yield
    finally:
        _limit_s.reset(token)


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose statements keep to `at_most`.

    A statement over its limit is cancelled. Where the server still obeys, `QueryCanceled` is raised, as if the server
    had a limit of its own; where it does not, `OperationalError` without a state: the database is away.
    """

    def wait(self, gen: Any, interval: float = POLL_S, timeout: float | None = None) -> Any:
        limit_s = _limit_s.get() if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit_s)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise
            obeys = self._cancels()
            self.pgconn.finish()
            if obeys:
                raise psycopg.errors.QueryCanceled(f"a statement took longer than {limit_s} s") from error
            raise psycopg.OperationalError(f"the database said nothing for {limit_s} s") from error

    def _cancels(self) -> bool:
        try:
            self.cancel_safe(timeout=CANCEL_S)
        except psycopg.Error:
            return False
        return True


def check(connection: psycopg.Connection[Any]) -> None:
    """Whether an idle connection of the pool still answers, as the pool asks before it lends one."""
    with at_most(CHECK_S):
        ConnectionPool.check_connection(connection)
