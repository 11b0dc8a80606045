"""Which routes a key called, from the rollups."""

from __future__ import annotations

import datetime as dt
from typing import Any

from usage.models import Rollup


def called_by_key(prefix: Any, since: dt.date) -> Any:
    """The routes that the key with `prefix` (or an expression for it) called since a day, each once."""
    rows = Rollup.objects.filter(key_prefix=prefix, day__gte=since).exclude(key_prefix="")
    return rows.order_by().values("route").distinct()
