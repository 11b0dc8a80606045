"""Addresses of the list: what a facet's value, a chip or an order leads to. Every state of the list is an address."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

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
    pairs = _pairs(query)
    rest = [pair for pair in pairs if pair[0] != "page" and pair != (name, value)]
    return _address(rest if (name, value) in pairs else [*rest, (name, value)])


def address(query: QueryDict) -> str:
    """The list's address with `query`, without empty parameters."""
    return _address(_pairs(query))


def _pairs(query: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in query.lists() for value in values if value]


def _address(pairs: list[tuple[str, str]]) -> str:
    return f"{_path()}?{urlencode(pairs)}" if pairs else _path()


@cache
def _path() -> str:
    """Where the list is: asked some two hundred times for one page, so it is looked up once."""
    return reverse("catalog:list")


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
