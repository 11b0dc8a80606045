"""How long a request waits for a database that is away, and how the requests after it are spared the wait.

A restart takes a second or two, so the first requests wait for `DATABASE_PATIENCE_S`. Once one has waited in vain, one
attempt a second is made for the whole process; everybody else is told at once, until an attempt succeeds.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base, schema

from tenants import scope

ATTEMPT_EVERY_S = 1.0
ATTEMPT_PATIENCE_S = 1.5


class Away:
    """What this process knows about a database: since when it is away, and when somebody last looked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_away = False
        self._looked_at = 0.0

    def patience_s(self) -> float:
        """How long a connection may be waited for now. Raises when somebody has just looked in vain."""
        with self._lock:
            if not self._is_away:
                return float(settings.DATABASE_PATIENCE_S)
            if monotonic() - self._looked_at < ATTEMPT_EVERY_S:
                raise psycopg.OperationalError("the database was not there a moment ago")
            self._looked_at = monotonic()
            return ATTEMPT_PATIENCE_S

    def found(self, *, is_away: bool) -> None:
        """An attempt ended."""
        with self._lock:
            self._is_away, self._looked_at = is_away, monotonic()


_known: dict[str, Away] = {}


class SchemaEditor(schema.DatabaseSchemaEditor):
    """What a migration does, it does to the rows of every tenant."""

    def __enter__(self) -> SchemaEditor:
        self._scope = scope.everything("a migration")
        self._scope.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        finally:
            self._scope.__exit__(*raised)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend; `ENGINE` is `portal.database`."""

    SchemaEditorClass = SchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_guard)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        away = _known.setdefault(self.alias, Away())
        patience_s = away.patience_s()
        if self.pool:
            self.pool.timeout = patience_s
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            away.found(is_away=not self._answers(conn_params))
            raise
        away.found(is_away=False)
        return connection

    def _answers(self, conn_params: dict[str, Any]) -> bool:
        """Whether a connection beside the pool can be had: then all of the pool's are in use, and nothing is away."""
        try:
            psycopg.connect(**{**conn_params, "connect_timeout": 2}).close()
        except psycopg.Error:
            return False
        return True


def _guard(*statement: Any) -> Any:
    from portal.database.wall import guard  # which tables there are is known once the apps are loaded

    return guard(*statement)
