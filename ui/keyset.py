"""Pages of a list that is too long to count: newest first, each page found by where the last one ended.

The address carries `before=<moment>~<key>` for older rows or `after=<moment>~<key>` for newer ones, so a shared address
shows the same rows while new ones arrive, at any depth, and costs the same everywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict


@dataclass(frozen=True)
class KeysetPage[M: Model]:
    """Rows of one page and the queries (`?…`) of the newer and the older one; empty where there is none."""

    rows: list[M]
    previous: str
    next: str


def page_of[M: Model](rows: QuerySet[M], query: QueryDict, *, moment: str, size: int = 50) -> KeysetPage[M]:
    """The page of `rows` that `query` names, ordered by the column `moment` and the key, newest first.

    A place that cannot be read shows the first page.
    """
    after, before = _place(query.get("after", "")), _place(query.get("before", ""))
    if after is not None:
        newer = list(_beyond(rows, moment, after, newer=True).order_by(moment, "pk")[: size + 1])
        shown = newer[:size][::-1]
        return KeysetPage(shown, _link(query, "after", shown, moment) if len(newer) > size else "",
                          _link(query, "before", shown, moment))  # fmt: skip
    if before is not None:
        rows = _beyond(rows, moment, before, newer=False)
    older = list(rows.order_by(f"-{moment}", "-pk")[: size + 1])
    shown = older[:size]
    return KeysetPage(shown, _link(query, "after", shown, moment) if before is not None else "",
                      _link(query, "before", shown, moment) if len(older) > size else "")  # fmt: skip


def batches[M: Model](rows: QuerySet[M], *, moment: str, size: int = 2_000) -> Iterator[list[M]]:
    """All of `rows`, newest first, a batch at a time, each by a short query of its own."""
    place: tuple[dt.datetime, str] | None = None
    while True:
        left = rows if place is None else _beyond(rows, moment, place, newer=False)
        batch = list(left.order_by(f"-{moment}", "-pk")[:size])
        if batch:
            yield batch
        if len(batch) < size:
            return
        place = (getattr(batch[-1], moment), str(batch[-1].pk))


def _beyond[M: Model](rows: QuerySet[M], moment: str, place: tuple[dt.datetime, str], *, newer: bool) -> QuerySet[M]:
    at, key = place
    side = "gt" if newer else "lt"
    # The first condition bounds the index scan, the second decides among rows of the same moment.
    return rows.filter(**{f"{moment}__{side}e": at}).filter(Q(**{f"{moment}__{side}": at}) | Q(**{f"pk__{side}": key}))


def _place(text: str) -> tuple[dt.datetime, str] | None:
    moment, _, key = text.partition("~")
    try:
        at = dt.datetime.fromisoformat(moment)
    except ValueError:
        return None
    whole = key.isdecimal() and len(key) < 19
    if at.tzinfo is None or not (whole or _is_uuid(key)):
        return None
    return at, key


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and all(part.isalnum() and part.isascii() for part in text.split("-")) and _hexadecimal(text)


def _hexadecimal(text: str) -> bool:
    try:
        int(text.replace("-", ""), 16)
    except ValueError:
        return False
    return text.count("-") == 4


def _link(query: QueryDict, name: str, shown: list[Any], moment: str) -> str:
    if not shown:
        return ""
    row = shown[0] if name == "after" else shown[-1]
    changed = query.copy()
    for other in ("after", "before", "page", "cursor"):
        changed.pop(other, None)
    changed[name] = f"{getattr(row, moment).isoformat()}~{row.pk}"
    return f"?{changed.urlencode()}"
