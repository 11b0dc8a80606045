"""After a test that commits, the tables are emptied of their rows.

Django would truncate them, which makes every table and index anew: a second, where there are a few rows to delete.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

# What migrations made of the code itself. A served Atrium keeps it in memory, as it never changes while one runs.
KEPT_TABLES = {"django_content_type", "auth_permission"}
TRIES = 5


def empty_as_tests_do() -> None:
    """Let every test that commits end so."""

    def emptied(self: Any) -> None:
        _empty()

    TransactionTestCase._fixture_teardown = emptied  # type: ignore[attr-defined]


def _empty() -> None:
    """A gateway of a test may write to several tables at this moment, in another order than they are emptied in."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(deleting())
        except OperationalError as error:
            if attempt == TRIES - 1 or not isinstance(error.__cause__, DeadlockDetected):
                raise
        else:
            return


@cache
def deleting() -> str:
    """Who writes is waited for; triggers, which protect some of the rows, are not asked."""
    tables = sorted({*connection.introspection.django_table_names(include_views=False)} - KEPT_TABLES)
    names = [connection.ops.quote_name(table) for table in tables]
    return "; ".join(
        [
            "SET LOCAL session_replication_role = replica",
            f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE",
            *(f"DELETE FROM {name}" for name in names),
        ]
    )
