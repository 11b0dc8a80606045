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
    """One fact of one model; `note` says what kind of figure it is where that differs, `is_warning` that it speaks
    against the model."""

    value: Any
    is_best: bool = False
    is_warning: bool = False
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
        _row("Status", "state", models, lambda m: m.status, warns=lambda m: not _is_current(m)),
        _noted(_row("Input price per million", "money", models, lambda m: m.input_price, best=min), rows),
        _noted(_row("Output price per million", "money", models, lambda m: m.output_price, best=min), rows),
        _row("Context", "tokens", models, lambda m: m.context_tokens, best=max),
        _row("Longest answer", "tokens", models, lambda m: m.max_output_tokens, best=max),
        _row("Capabilities", "list", models, lambda m: _labels(vocabulary.CAPABILITIES, m.capabilities), best=_most),
        _row("Takes in", "list", models, lambda m: _labels(vocabulary.MODALITIES, m.modalities_in), best=_most),
        _row("Gives", "list", models, lambda m: _labels(vocabulary.MODALITIES, m.modalities_out)),
        _row("Licence", "text", models, lambda m: m.licence),
        _row("Providers", "number", models, lambda m: len(m.provider_slugs), best=max),
        _row("Released", "date", models, lambda m: m.released_on, best=max, among=_is_current),
        _row("Retires", "date", models, lambda m: m.deprecated_on, warns=lambda m: m.deprecated_on is not None),
        _row("Calls here in 30 days", "number", models, lambda m: m.recent_calls),
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


def _is_current(model: Model) -> bool:
    """A model that is going away is the newest of nothing that one would choose."""
    return not model.is_ending


def _most(values: list[list[str]]) -> list[str]:
    return max(values, key=len)


def _row(
    label: str,
    kind: str,
    models: list[Model],
    read: Callable[[Model], Any],
    best: Callable[[list[Any]], Any] | None = None,
    among: Callable[[Model], bool] = lambda model: True,
    warns: Callable[[Model], bool] = lambda model: False,
) -> FactRow:
    """The fact that `read` tells of each model. `best` chooses among the known values of the models `among`."""
    values = [read(model) for model in models]
    eligible = [among(model) for model in models]
    known = [value for value, may_win in zip(values, eligible, strict=True) if may_win and value not in (None, "", [])]
    differs = len({str(value) for value in values}) > 1
    top = best(known) if best and known and differs else None
    if isinstance(top, list):
        winners = [value for value in values if isinstance(value, list) and len(value) == len(top)]
        cells = [Cell(value, is_best=value in winners and len(winners) < len(values)) for value in values]
    else:
        cells = [
            Cell(value, is_best=top is not None and may_win and value == top)
            for value, may_win in zip(values, eligible, strict=True)
        ]
    cells = [replace(cell, is_warning=warns(model)) for cell, model in zip(cells, models, strict=True)]
    return FactRow(label, kind, cells, differs)
