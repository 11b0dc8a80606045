"""The wall in this process: a statement that names a tenant's table is sent only within a scope, and with it.

It reads the statement itself, so it does not matter how it came about: a list, `exists()`, asynchronous iteration, a
sub-query or a join, `update`, `delete`, `bulk_create`, `raw` or a cursor. What a scope may see of a table is not
decided here, but by `tenants.scoping`; and again by the database, which is told the tenants in reach with each such
statement, in the same message and for its transaction alone (`portal.database.policies`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import psycopg
from django.apps import apps

from portal.database import policies
from tenants import scope
from tenants.owned import owned_tables

STATEMENTS_KEPT = 4096  # of which it is known what they name; a page sends the same few again and again

# It shows nobody any rows, and runs by itself alone: with anything else in the same message the database refuses it.
INDEXED_BESIDE = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY ")


def guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A wrapper of `connection.execute_wrappers`. Raises `Unscoped`."""
    table = _owned_table_of(sql, context)
    if not table:
        return execute(sql, params, many, context)
    if not scope.is_set():
        raise scope.Unscoped(
            f"{table} belongs to tenants, and nobody said for whom it is asked. Enter a scope first: "
            "`with only(tenant):` or `with everything(reason):` (tenants/scope.py)."
        )
    if isinstance(sql, str) and INDEXED_BESIDE.match(sql):
        return execute(sql, params, many, context)
    connection, cursor = context["connection"], context["cursor"]
    telling = _telling(scope.current().tenants)
    if many or isinstance(getattr(cursor, "cursor", cursor), psycopg.ServerCursor):
        with connection.connection.transaction() if not connection.in_atomic_block else nullcontext():
            connection.connection.execute(telling)
            return execute(sql, params, many, context)
    result = execute(_joined(telling, sql, connection), params, many, context)
    cursor.nextset()  # the first one is the setting's
    return result


def _telling(tenants: frozenset[UUID] | None) -> str:
    """The statement that tells the database the tenants in reach, until the transaction ends."""
    reach = policies.EVERY if tenants is None else f"{{{','.join(map(str, tenants))}}}"
    return f"SET LOCAL {policies.SETTING} = '{reach}'"


def _joined(telling: str, sql: Any, connection: Any) -> str:
    text = sql if isinstance(sql, str) else sql.as_string(connection.connection)
    return f"{telling}; {text}"


def _owned_table_of(sql: Any, context: dict[str, Any]) -> str:
    if not apps.ready:
        return ""
    return _named(sql if isinstance(sql, str) else sql.as_string(context["connection"].connection))


@lru_cache(STATEMENTS_KEPT)
def _named(sql: str) -> str:
    """The first tenant-owned table in `sql`, else an empty text."""
    found = _pattern().search(sql)
    return found[0] if found else ""


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(owned_tables()))})\b")
