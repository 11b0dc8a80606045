"""The wall in this process: a statement that names a tenant's table is sent only within a scope.

It reads the statement itself, so it does not matter how it came about: a list, `exists()`, asynchronous iteration, a
sub-query or a join, `update`, `delete`, `bulk_create`, `raw` or a cursor. What a scope may see of a table is not
decided here, but by `tenants.scoping`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from django.apps import apps

from tenants import scope
from tenants.owned import owned_tables

STATEMENTS_KEPT = 4096  # of which it is known what they name; a page sends the same few again and again


def guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A wrapper of `connection.execute_wrappers`. Raises `Unscoped`."""
    if not scope.is_set() and (table := _owned_table_of(sql, context)):
        raise scope.Unscoped(
            f"{table} belongs to tenants, and nobody said for whom it is asked. Enter a scope first: "
            "`with only(tenant):` or `with everything(reason):` (tenants/scope.py)."
        )
    return execute(sql, params, many, context)


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
