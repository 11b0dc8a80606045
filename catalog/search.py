"""Answer a question to the catalog: by words and by meaning, fused by reciprocal rank, filtered, counted, ordered.

The one place lists, the API, the palette and the CSV export ask. The catalog is the same for everybody who is signed
in; what differs by person is their standing, which the filter "granted to me" reads through `catalog.standing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator

from catalog import facets, lexical, semantic, shelf, standing
from catalog.filters import Asked, Filters
from catalog.models import Model
from catalog.shelf import Shelf
from tenants.models import User

PAGE_SIZE = 25

# Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009); constants by `benchmarks/search/`.
_RANK_CONSTANT = 20
_BY_MEANING = (0.55, 0.05)  # beside 1 for words: where the search names nothing, and where it is a name
_NO_LONGER_CURRENT = (0.8, 1.0)  # the same two: who names a retired model wants it


@dataclass(frozen=True)
class Row:
    """A model of a page with the viewer's standing."""

    model: Model
    standing: standing.Standing


@dataclass(frozen=True)
class Found:
    """The answer: a page of rows, and every facet counted."""

    asked: Asked
    shelf: Shelf
    page: Page[Any]
    rows: list[Row]
    facets: list[facets.Facet]
    granted_count: int
    served_count: int
    corrected: dict[str, str]  # a word that no entry has → the word that was looked for instead


def find(viewer: User, asked: Asked, *, page_size: int = PAGE_SIZE) -> Found:
    """The page that `asked` wants, as `viewer` sees it."""
    held = shelf.present()
    granted = held.mask_of(standing.granted_models(viewer))
    ranked, among = _by_text(held, asked, granted)
    passing = facets.mask(held, asked.filters, granted)
    ordered = _ordered(held, asked.sort, ranked, passing & among, granted)
    page = Paginator(ordered, page_size).get_page(asked.page)
    return Found(
        asked=asked,
        shelf=held,
        page=page,
        rows=rows_of(viewer, held.models(page.object_list)),
        facets=facets.count(held, asked.filters, granted, among),
        granted_count=_switched(held, asked.filters, granted, among, "granted"),
        served_count=_switched(held, asked.filters, granted, among, "served"),
        corrected=lexical.corrected(held, asked.text) if asked.text else {},
    )


def keys(viewer: User, asked: Asked) -> list[Any]:
    """The keys of every model that `asked` finds, in its order: for exports."""
    held = shelf.present()
    granted = held.mask_of(standing.granted_models(viewer))
    ranked, among = _by_text(held, asked, granted)
    passing = facets.mask(held, asked.filters, granted)
    return [held.items[position].pk for position in _ordered(held, asked.sort, ranked, passing & among, granted)]


def rows_of(viewer: User, models: Sequence[Model]) -> list[Row]:
    """Rows of `models` in their order."""
    standings = standing.standing_of(viewer, models)
    return [Row(model, standings[model.pk]) for model in models]


def fuse(*rankings: tuple[float, list[int]]) -> list[int]:
    """Positions by the sum of weight / (constant + rank) over `rankings` (weight, positions best first)."""
    scores: dict[int, float] = defaultdict(float)
    for weight, ranking in rankings:
        for rank, position in enumerate(ranking, start=1):
            scores[position] += weight / (_RANK_CONSTANT + rank)
    return sorted(scores, key=lambda position: (-scores[position], position))


def rank(held: Shelf, text: str) -> list[int]:
    """Every model that `text` finds, the best first."""
    words = lexical.find(held, text)
    meaning = semantic.find(held, _spelled(held, text), is_alone=not words)
    named = lexical.named(held, text, words[0]) if words else 0.0
    fused = fuse((1.0, words), (_between(_BY_MEANING, named), meaning))
    score = {position: 1 / (place + _RANK_CONSTANT) for place, position in enumerate(fused)}
    for position in fused:
        if not held.items[position].is_current:
            score[position] *= _between(_NO_LONGER_CURRENT, named)
    return sorted(fused, key=lambda position: -score[position])


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _spelled(held: Shelf, text: str) -> str:
    """`text` with its slips put right, for what has no words to be near to."""
    right = lexical.corrected(held, text)
    return " ".join(right.get(word.lower(), word) for word in text.split()) if right else text


def _by_text(held: Shelf, asked: Asked, granted: int) -> tuple[list[int], int]:
    """What the text finds, ranked, and its mask. When filters leave little of it, meaning is asked again among them."""
    if not asked.text:
        return [], held.everything
    ranked = rank(held, asked.text)
    passing = facets.mask(held, asked.filters, granted)
    if not asked.filters.is_empty and sum(1 for position in ranked if passing >> position & 1) < PAGE_SIZE:
        known, is_alone = set(ranked), not lexical.find(held, asked.text)
        nearest = semantic.find(held, _spelled(held, asked.text), among=passing, is_alone=is_alone)
        ranked = ranked + [each for each in nearest if each not in known]
    mask = 0
    for position in ranked:
        mask |= 1 << position
    return ranked, mask


def _ordered(held: Shelf, sort: str, ranked: list[int], mask: int, granted: int) -> list[int]:
    if ranked and sort in ("", "relevance"):
        return held.among(ranked, mask)
    order = held.order(sort)
    if sort in ("", "relevance"):  # suggested: what one may use at once comes first
        return held.among(order, mask & granted) + held.among(order, mask & ~granted)
    return held.among(order, mask)


def _switched(held: Shelf, filters: Filters, granted: int, among: int, switch: str) -> int:
    """How many would be left with the switch on."""
    only = granted if switch == "granted" else held.masks.get("served", {}).get("yes", 0)
    return (facets.mask(held, filters, granted, without=switch) & among & only).bit_count()
