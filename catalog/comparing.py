"""Decide what of several models differs, and which value of a row is the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from catalog import vocabulary
from catalog.models import Model
from catalog.search import Row

MOST = 5


@dataclass(frozen=True)
class Cell:
    """One fact of one model; `note` says what kind of figure it is where that differs between models."""

    value: Any
    is_best: bool = False
    note: str = ""


@dataclass(frozen=True)
class FactRow:
    """One fact of all models. `kind`: text, tokens, money, list, date, state."""

    label: str
    kind: str
    cells: list[Cell]
    differs: bool


def table(rows: list[Row]) -> list[FactRow]:
    """The facts of the models in `rows`, one row each."""
    models = [row.model for row in rows]
    return [
        _row("Made by", "text", models, lambda m: m.developer),
        _row("Kind", "text", models, lambda m: vocabulary.label(vocabulary.MODES, m.mode)),
        _row("Status", "state", models, lambda m: m.status),
        _noted(_row("Input price per million", "money", models, lambda m: m.input_price, best=min), rows),
        _noted(_row("Output price per million", "money", models, lambda m: m.output_price, best=min), rows),
        _row("Context", "tokens", models, lambda m: m.context_tokens, best=max),
        _row("Longest answer", "tokens", models, lambda m: m.max_output_tokens, best=max),
        _row("Capabilities", "list", models, lambda m: _labels(vocabulary.CAPABILITIES, m.capabilities), best=_most),
        _row("Takes in", "list", models, lambda m: _labels(vocabulary.MODALITIES, m.modalities_in), best=_most),
        _row("Gives", "list", models, lambda m: _labels(vocabulary.MODALITIES, m.modalities_out)),
        _row("Licence", "text", models, lambda m: m.licence),
        _row("Providers", "number", models, lambda m: len(m.provider_slugs), best=max),
        _row("Released", "date", models, lambda m: m.released_on, best=max),
        _row("Retires", "date", models, lambda m: m.deprecated_on),
        _row("Calls here in 30 days", "number", models, lambda m: m.recent_calls, best=max),
    ]


def _noted(prices: FactRow, rows: list[Row]) -> FactRow:
    """The same, with the prices marked that nobody is charged here."""
    cells = [
        cell if row.standing.is_served or cell.value is None else replace(cell, note="list price")
        for cell, row in zip(prices.cells, rows, strict=True)
    ]
    return replace(prices, cells=cells)


def _labels(table_of: dict[str, vocabulary.Word], keys: list[str]) -> list[str]:
    return [vocabulary.label(table_of, key) for key in keys]


def _most(values: list[list[str]]) -> list[str]:
    return max(values, key=len)


def _row(
    label: str,
    kind: str,
    models: list[Model],
    read: Callable[[Model], Any],
    best: Callable[[list[Any]], Any] | None = None,
) -> FactRow:
    values = [read(model) for model in models]
    known = [value for value in values if value not in (None, "", [])]
    differs = len({str(value) for value in values}) > 1
    top = best(known) if best and known and differs else None
    if isinstance(top, list):
        winners = [value for value in values if isinstance(value, list) and len(value) == len(top)]
        cells = [Cell(value, is_best=value in winners and len(winners) < len(values)) for value in values]
    else:
        cells = [Cell(value, is_best=top is not None and value == top) for value in values]
    return FactRow(label, kind, cells, differs)
