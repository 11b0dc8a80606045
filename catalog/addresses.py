"""Addresses of the list: what a facet's value, a chip or an order leads to. Every state of the list is an address."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse

from catalog import facets
from catalog.facets import Facet
from catalog.filters import FACETS, Asked
from catalog.shelf import Shelf


@dataclass(frozen=True)
class Link:
    """Something to press: where it leads, how many it would leave, whether it is on."""

    label: str
    href: str
    count: int | None = None
    is_on: bool = False


@dataclass(frozen=True)
class FacetLinks:
    """A facet with its values as links."""

    key: str
    label: str
    first: list[Link]
    more: list[Link]
    is_open: bool


def toggled(query: QueryDict, name: str, value: str) -> str:
    """The list's address with `value` of `name` taken away where it is, else added; back on the first page."""
    changed = query.copy()
    values = changed.getlist(name)
    changed.setlist(name, [each for each in values if each != value] if value in values else [*values, value])
    changed.pop("page", None)
    return address(changed)


def address(query: QueryDict) -> str:
    """The list's address with `query`, without empty parameters."""
    clean = QueryDict(mutable=True)
    for name, values in query.lists():
        kept = [value for value in values if value]
        if kept:
            clean.setlist(name, kept)
    text = clean.urlencode()
    return reverse("catalog:list") + (f"?{text}" if text else "")


def links(query: QueryDict, counted: list[Facet]) -> list[FacetLinks]:
    """Facets with each value leading to the list with it switched."""
    return [
        FacetLinks(
            key=facet.key,
            label=facet.label,
            first=[_link(query, facet.key, choice) for choice in facet.first],
            more=[_link(query, facet.key, choice) for choice in facet.more],
            is_open=facet.is_open,
        )
        for facet in counted
        if facet.first
    ]


def _link(query: QueryDict, key: str, choice: facets.Choice) -> Link:
    return Link(choice.label, toggled(query, key, choice.value), choice.count, choice.is_on)


def chips(query: QueryDict, asked: Asked, held: Shelf) -> list[Link]:
    """A link for each filter in force, that takes it away."""
    found = [
        Link(f"{FACETS[facet]}: {facets.label(held, facet, value)}", toggled(query, facet, value), is_on=True)
        for facet, values in asked.filters.chosen.items()
        for value in values
    ]
    if asked.filters.granted:
        found.append(Link("Granted to me", toggled(query, "granted", "1"), is_on=True))
    if asked.filters.served:
        found.append(Link("Served here", toggled(query, "served", "1"), is_on=True))
    return found


def cleared(asked: Asked) -> str:
    """The list's address with the text alone."""
    kept = QueryDict(mutable=True)
    if asked.text:
        kept["q"] = asked.text
    return address(kept)
