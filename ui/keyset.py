"""Pages of a list that is too long to count, each found by where the last one ended: newest first, or oldest first
where the address says `sort=when`.

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

OLDEST_FIRST, NEWEST_FIRST = "when", "-when"


@dataclass(frozen=True)
class KeysetPage[M: Model]:
    """Rows of one page and the queries (`?…`) of the one before and the next; empty where there is none.

    `sort` is the order in force, as a column's head shows it.
    """

    rows: list[M]
    previous: str
    next: str
    sort: str = NEWEST_FIRST

    @property
    def is_oldest_first(self) -> bool:
        return self.sort == OLDEST_FIRST


def page_of[M: Model](rows: QuerySet[M], query: QueryDict, *, moment: str, size: int = 50) -> KeysetPage[M]:
    """The page of `rows` that `query` names, ordered by the column `moment` and the key.

    A place that cannot be read shows the first page.
    """
    oldest_first = is_oldest_first(query)
    onward, backward = ("after", "before") if oldest_first else ("before", "after")
    back_from, on_from = _place(query.get(backward, "")), _place(query.get(onward, ""))
    sort = OLDEST_FIRST if oldest_first else NEWEST_FIRST
    if back_from is not None:
        earlier = _walk(rows, moment, back_from, upward=not oldest_first, size=size + 1)
        shown = earlier[:size][::-1]
        return KeysetPage(shown, _link(query, backward, shown[:1], moment) if len(earlier) > size else "",
                          _link(query, onward, shown[-1:], moment), sort)  # fmt: skip
    later = _walk(rows, moment, on_from, upward=oldest_first, size=size + 1)
    shown = later[:size]
    return KeysetPage(shown, _link(query, backward, shown[:1], moment) if on_from is not None else "",
                      _link(query, onward, shown[-1:], moment) if len(later) > size else "", sort)  # fmt: skip


def is_oldest_first(query: QueryDict) -> bool:
    """Whether the address asks for the oldest rows first."""
    return query.get("sort") == OLDEST_FIRST


def batches[M: Model](
    rows: QuerySet[M], *, moment: str, oldest_first: bool = False, size: int = 2_000
) -> Iterator[list[M]]:
    """All of `rows`, newest first unless told, a batch at a time, each by a short query of its own."""
    place: tuple[dt.datetime, str] | None = None
    while True:
        batch = _walk(rows, moment, place, upward=oldest_first, size=size)
        if batch:
            yield batch
        if len(batch) < size:
            return
        place = (getattr(batch[-1], moment), str(batch[-1].pk))


def _walk[M: Model](
    rows: QuerySet[M], moment: str, place: tuple[dt.datetime, str] | None, *, upward: bool, size: int
) -> list[M]:
    """The first rows beyond `place`, to newer ones or else to older ones, the nearest first."""
    if place is not None:
        rows = _beyond(rows, moment, place, newer=upward)
    ordered = rows.order_by(moment, "pk") if upward else rows.order_by(f"-{moment}", "-pk")
    return list(ordered[:size])


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


def _link(query: QueryDict, name: str, edge: list[Any], moment: str) -> str:
    if not edge:
        return ""
    changed = query.copy()
    for other in ("after", "before", "page", "cursor"):
        changed.pop(other, None)
    changed[name] = f"{getattr(edge[0], moment).isoformat()}~{edge[0].pk}"
    return f"?{changed.urlencode()}"
