"""What the catalog gives to the shell: entries in the palette, and the card "New in the catalog" on the home page."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from catalog import lexical, search, shelf
from ui.places import Card, Hit, register_card, register_hits

_MOST_HITS = 6
_CARD = "New in the catalog, to use or to ask for"


def register() -> None:
    """Offer both to the shell."""
    register_hits("Models", hits, order=20)
    register_card(Card("catalog.new", 30, "catalog/home_card.html", newest, part="new"))


def hits(request: HttpRequest, text: str) -> Iterable[Hit]:
    """The entries that `text` names: the palette is for what one knows."""
    text = text.strip()[:80]
    if len(text) < 2:
        return []
    held = shelf.present()
    named = (position for position in lexical.find(held, text) if lexical.is_named(held, text, position))
    found = [held.items[position] for position in islice(named, _MOST_HITS)]
    return [Hit(item.name, reverse("catalog:model", args=[item.slug]), "category", item.slug) for item in found]


def newest(request: HttpRequest) -> dict[str, Any] | None:
    """Where to start, and what was released last, of what is served here; None while nothing is."""
    held = shelf.present()
    served = held.masks.get("served", {}).get("yes", 0)
    here = [position for position in held.order("begin") if served >> position & 1]
    first = [position for position in held.order("") if held.items[position].is_pinned and position in here][:2]
    latest = (position for position in here if held.items[position].is_current)
    shown = [*first, *islice((position for position in latest if position not in first), 4)]
    if not shown:
        return None
    return {"rows": search.rows_of(request.user, held.models(shown)), "title": _CARD}  # type: ignore[arg-type]
