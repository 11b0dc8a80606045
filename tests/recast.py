"""What many tests begin with, made with the real verbs and then, for a while, put back as it was made.

Making the cast takes two hundred statements, putting its rows back one. Nearly every test needs it.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from tests.cast import Cast
from tests.emptying import deleting

FRESH_S = 30  # how long ago a test may meet people that joined "just now"
_COLUMNS = """
    SELECT c.relname, array_agg(quote_ident(a.attname))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Kept:
    """What was made, the statement that finds whether the tables it needs are empty, and the one that fills them."""

    made: bytes
    at: float
    is_free: str
    rows: str


_kept: dict[Callable[[], Any], Kept] = {}


def recast() -> Cast:
    """The cast, in a database where it is not. A process that serves this database already is not told of it."""
    return again(Cast.create)


def again[T](make: Callable[[], T], fresh_s: float = FRESH_S) -> T:
    """What `make` makes in a database where nothing of it is, made `fresh_s` ago at the most."""
    kept = _kept.get(make)
    if kept is not None and time.monotonic() - kept.at < fresh_s:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(kept.is_free)
            if cursor.fetchone() == (True,):
                cursor.execute(kept.rows)
                found: T = pickle.loads(kept.made)  # noqa: S301  # our own
                return found
    return _made(make)


def bringing_back() -> str:
    """The statement that brings every table back to the rows it has now, for tests that commit."""
    emptied = deleting()
    tables = [table for table, count in _counted().items() if count and f'DELETE FROM "{table}"' in emptied]
    return f"{emptied}; {_filling(tables)}"


def _made[T](make: Callable[[], T]) -> T:
    began, before = time.monotonic(), _counted()
    made = make()
    tables = [table for table, count in _counted().items() if count != before[table]]
    if not any(before[table] for table in tables):
        is_free = " AND ".join(f"NOT EXISTS (SELECT FROM {table})" for table in tables)
        _kept[make] = Kept(pickle.dumps(made), began, f"SELECT {is_free}", _filling(tables))
    return made


def _tables() -> dict[str, str]:
    """Every table with the columns that can be written, as SQL."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        return {table: ", ".join(columns) for table, columns in cursor.fetchall()}


def _counted() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in _tables()))
        return dict(cursor.fetchall())


def _filling(tables: list[str]) -> str:
    """The statements that put the rows back, past triggers, which have had their effect."""
    columns, filling = _tables(), ["SET LOCAL session_replication_role = replica"]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT json_agg(row_to_json({table}))::text FROM {table}")
            rows = sql.Literal(cursor.fetchone()[0]).as_string(connection.connection)
            filling.append(
                f"INSERT INTO {table} ({columns[table]}) SELECT {columns[table]}"
                f" FROM json_populate_recordset(NULL::{table}, {rows})"
            )
    return "; ".join([*filling, "SET LOCAL session_replication_role = DEFAULT"])
