"""What the catalog gives to the shell: entries in the palette, and the card "New in the catalog" on the home page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from catalog import lexical, search, shelf
from catalog.models import Change, Model
from ui.places import Card, Hit, register_card, register_hits

_RECENT = dt.timedelta(days=30)


def register() -> None:
    """Offer both to the shell."""
    register_hits("Models", hits, order=20)
    register_card(Card("catalog.new", 30, "catalog/home_card.html", newest))


def hits(request: HttpRequest, text: str) -> Iterable[Hit]:
    """The entries that `text` names, by words alone: the palette is for what one knows."""
    text = text.strip()[:80]
    if len(text) < 2:
        return []
    held = shelf.present()
    found = [held.items[position] for position in lexical.find(held, text)[:6]]
    return [Hit(item.name, reverse("catalog:model", args=[item.slug]), "category", item.slug) for item in found]


def newest(request: HttpRequest) -> dict[str, Any] | None:
    """Models that came or changed lately; for a fresh catalog where to start. None while it is empty."""
    start = list(Model.objects.filter(is_pinned=True).values_list("pk", flat=True)[:2])
    listed = Change.objects.filter(kind=Change.Kind.LISTED, at__gte=timezone.now() - _RECENT, model__is_pinned=False)
    latest = listed.filter(model__status=Model.Status.AVAILABLE).order_by("-at", "-model__released_on", "-pk")
    keys = list(dict.fromkeys([*start, *latest.values_list("model_id", flat=True)[:4]]))
    if not keys:
        return None
    return {"rows": search.rows_of(request.user, keys)}  # type: ignore[arg-type]
