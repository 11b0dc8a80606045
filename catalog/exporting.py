"""Write a list of models as CSV, row by row, in cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from catalog.models import Model

_COLUMNS = {
    "name": "name",
    "slug": "slug",
    "developer": "made by",
    "mode": "kind",
    "purpose": "purpose",
    "status": "status",
    "deprecated_on": "retires on",
    "licence": "licence",
    "capabilities": "capabilities",
    "modalities_in": "takes in",
    "context_tokens": "context tokens",
    "max_output_tokens": "output tokens",
    "input_price": "input price per million",
    "output_price": "output price per million",
    "price_currency": "currency",
    "provider_slugs": "providers",
    "recent_calls": "calls in 30 days",
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> str:
    """`value` as text; what a spreadsheet would compute gets a quote before it (OWASP, CSV injection)."""
    if value is None:
        return ""
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def rows(keys: list[Any], *, at_once: int = 500) -> Iterator[str]:
    """The lines of the file: a head, then the models with these keys in this order."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + str(writer.writerow(_COLUMNS.values()))
    for start in range(0, len(keys), at_once):
        batch = keys[start : start + at_once]
        found = Model.objects.only(*_COLUMNS).in_bulk(batch)
        for key in batch:
            if model := found.get(key):
                yield str(writer.writerow([cell(getattr(model, name)) for name in _COLUMNS]))
