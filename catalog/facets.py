"""Count every facet with all other filters applied, so that each number tells what choosing it would leave."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import vocabulary
from catalog.filters import ALL_OF, FACETS, Filters
from catalog.lifecycle.states import Lifecycle
from catalog.shelf import CONTEXT_BANDS, PRICE_BANDS, Shelf

_SHOWN = 8  # values that are open at once; the others are behind "more"


@dataclass(frozen=True)
class Choice:
    """One value of a facet: `count` models would be left with it chosen."""

    value: str
    label: str
    count: int
    is_on: bool


@dataclass(frozen=True)
class Facet:
    """A facet with its values: `first` are shown at once, `more` on demand."""

    key: str
    label: str
    first: list[Choice]
    more: list[Choice]
    is_open: bool


def mask(shelf: Shelf, filters: Filters, granted: int, *, without: str = "") -> int:
    """The models that pass `filters`, leaving out the facet `without`."""
    found = shelf.everything
    for facet, values in filters.chosen.items():
        if facet == without:
            continue
        of_value = [shelf.masks.get(facet, {}).get(value, 0) for value in values]
        if facet in ALL_OF:
            for each in of_value:
                found &= each
        else:
            any_of = 0
            for each in of_value:
                any_of |= each
            found &= any_of
    if filters.granted and without != "granted":
        found &= granted
    if filters.served and without != "served":
        found &= shelf.masks.get("served", {}).get("yes", 0)
    return found


def count(shelf: Shelf, filters: Filters, granted: int, among: int) -> list[Facet]:
    """Every facet counted among the models of the mask `among` (what the text found)."""
    return [_facet(shelf, key, filters, granted, among) for key in FACETS]


def _facet(shelf: Shelf, key: str, filters: Filters, granted: int, among: int) -> Facet:
    chosen = filters.chosen.get(key, ())
    others = mask(shelf, filters, granted, without="" if key in ALL_OF else key) & among
    counted = {value: (of_value & others).bit_count() for value, of_value in shelf.masks.get(key, {}).items()}
    choices = [
        Choice(value, label(shelf, key, value), counted.get(value, 0), value in chosen)
        for value in {*counted, *chosen}
        if counted.get(value) or value in chosen
    ]
    choices.sort(key=_order(key))
    first = [choice for place, choice in enumerate(choices) if place < _SHOWN or choice.is_on]
    more = [choice for choice in choices if choice not in first]
    return Facet(key, FACETS[key], first, more, is_open=bool(chosen) or key in _OPEN_AT_FIRST)


_OPEN_AT_FIRST = {"kind", "capability", "provider", "price"}


def _order(key: str):  # type: ignore[no-untyped-def]
    """Bands in their own order, everything else by how many there are."""
    bands = {"price": list(PRICE_BANDS), "context": list(CONTEXT_BANDS), "status": list(Lifecycle.values)}.get(key)
    if bands:
        return lambda choice: (bands.index(choice.value) if choice.value in bands else len(bands), choice.label)
    return lambda choice: (-choice.count, choice.label.lower())


def label(shelf: Shelf, key: str, value: str) -> str:
    """What people read for a value of a facet."""
    tables = {"kind": vocabulary.MODES, "capability": vocabulary.CAPABILITIES, "takes": vocabulary.MODALITIES}
    if key in tables:
        return vocabulary.label(tables[key], value)
    words = {
        "price": PRICE_BANDS,
        "context": CONTEXT_BANDS,
        "status": dict(Lifecycle.choices),
        "provider": shelf.labels.get("provider", {}),
    }.get(key, {})
    return str(words.get(value, "Not known" if value == "unknown" else value))
