"""Lists as CSV (RFC 4180): streamed while they are read, in cells that no spreadsheet takes for a formula.

A reader may be slow: between two parts of a file no connection of the pool is held. So rows come in batches, each by a
query of its own (`in_batches`, `ui.keyset.batches`), never from a cursor that stays open.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse

from ui.connections import give_back
from ui.streaming import StreamsUnderAsgi

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # also of full width
ROWS_AT_ONCE = 200
ROWS_A_QUERY = 1_000


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> str:
    """`value` as text; text that a spreadsheet would compute gets a quote before it (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, str):
        bare = value.lstrip(" \"'")  # some programs pass over blanks and quotes before they look
        return f"'{value}" if bare.startswith(FORMULA_STARTS) else value
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file in parts of some lines, beginning with the mark by which spreadsheets know UTF-8."""
    writer = csv.writer(_Echo())
    give_back()
    yield "\ufeff" + str(writer.writerow(head))
    for some in batched(rows, ROWS_AT_ONCE):
        part = "".join(str(writer.writerow([cell(value) for value in row])) for row in some)
        give_back()
        yield part
    give_back()


def in_batches[M: Model](rows: QuerySet[M], *, size: int = ROWS_A_QUERY) -> Iterator[M]:
    """All of `rows` in their order, which is taken once; a row that is gone when its batch is read is left out."""
    keys = list(rows.values_list("pk", flat=True))
    for some in batched(keys, size):
        found = {row.pk: row for row in rows.filter(pk__in=some)}
        yield from (found[key] for key in some if key in found)


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A download called `name`."""
    response = StreamsUnderAsgi(lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
