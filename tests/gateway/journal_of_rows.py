"""A journal that tests write rows into as they are, where the gateway hands it rows that are JSON already."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from gateway.journal import Journal


class JournalOfRows(Journal):
    """`open_row` and `close_row` instead of `opened` and `closed`."""

    def open_row(self, row: dict[str, Any]) -> asyncio.Future[None] | None:
        """Before a provider is called."""
        return self.opened(row["id"], orjson.dumps(row))

    def close_row(self, row: dict[str, Any]) -> None:
        """How the call ended."""
        self.closed(row["id"], orjson.dumps(row))
