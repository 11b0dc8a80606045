"""What the catalog gives to the shell: entries in the palette, and the card "New in the catalog" on the home page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest
from django.urls import reverse

from catalog import lexical, search, shelf
from catalog.models import Model, Route
from ui.places import Card, Hit, register_card, register_hits

_CARD = "Where to start, and new in the catalog"


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
    """Where to start, and what was published or released last: served models first. None while the catalog is empty."""
    models = Model.objects.filter(status=Model.Status.AVAILABLE)
    served = Exists(Route.objects.filter(model=OuterRef("pk"), is_enabled=True))
    start = models.filter(is_pinned=True).order_by("name").values_list("pk", flat=True)[:2]
    latest = (
        models.filter(is_pinned=False)
        .annotate(is_served=served)
        .order_by("-is_served", F("released_on").desc(nulls_last=True), "-listed_at", "name")
        .values_list("pk", flat=True)[:4]
    )
    keys = [*start, *latest]
    if not keys:
        return None
    return {"rows": search.rows_of(request.user, keys), "title": _CARD}  # type: ignore[arg-type]
