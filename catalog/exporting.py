"""What a list of models says as CSV, read some at a time."""

from __future__ import annotations

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
HEAD = tuple(_COLUMNS.values())


def rows(keys: list[Any], *, at_once: int = 500) -> Iterator[list[Any]]:
    """The models with these keys, in this order, each as its cells."""
    for start in range(0, len(keys), at_once):
        batch = keys[start : start + at_once]
        found = Model.objects.only(*_COLUMNS).in_bulk(batch)
        for key in batch:
            if model := found.get(key):
                yield [_cell(getattr(model, name)) for name in _COLUMNS]


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
