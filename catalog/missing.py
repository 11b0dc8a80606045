"""The refusal for an entry that is not there, with what was perhaps meant."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from catalog import shelf, tokens
from catalog.models import Model, Route
from refusals.errors import Missing


class NoSuchModel(Missing):
    code = "model_not_found"
    title = "There is no such model"


def find_model(slug: str) -> Model:
    """The model with `slug`, or the one that a route of that name leads to. Raises `NoSuchModel` with near names."""
    rows = Model.objects.defer("embedding", "search_vector", "search_text")
    found = rows.filter(slug=slug).first()
    if found is None:
        route = Route.objects.filter(slug=slug).select_related("model").first()
        found = route.model if route else None
    if found is None:
        near = nearest(slug)
        hint = f" Perhaps you meant {', '.join(near)}." if near else ""
        words = " ".join(tokens.pieces(slug)) or slug
        raise NoSuchModel(
            f"The catalog has no model “{slug[:120]}”. It may have been renamed.{hint}",
            way_out=f"{reverse('catalog:list')}?{urlencode({'q': words})}",
            suggestions=near,
        )
    return found


def nearest(slug: str, most: int = 3) -> list[str]:
    """Slugs that share the most pieces with `slug`."""
    asked = set(tokens.of_name(slug))
    shared = [(len(asked & item.name_tokens), -len(item.name_tokens), item.slug) for item in shelf.present().items]
    return [found for count, _, found in sorted(shared, reverse=True)[:most] if count]
