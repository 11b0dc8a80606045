"""What a provider's endpoint says it serves, as a list: searched, filtered, in order, by pages and as CSV.

The names come from the endpoint at each request; nothing of them is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Paginator
from django.http import QueryDict, StreamingHttpResponse

from catalog.models import Deployment, Model, Provider, RouteTarget
from ui.exporting import csv_response

PAGE_SIZE = 100
SHOWN = {"routed": "With a route", "new": "Without a route"}
SORTS = ("name", "-name")


@dataclass(frozen=True)
class Asked:
    """The words, the filter and the order; "" leaves the order to the endpoint."""

    text: str = ""
    show: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Served:
    """A name at the endpoint, the model it probably means, and the routes that lead there already."""

    name: str
    model: Model | None = None
    routes: list[str] = field(default_factory=list)


def ask(query: QueryDict) -> Asked:
    """What an address asks for; a value that means nothing is left out."""
    show, sort = query.get("show", ""), query.get("sort", "")
    text = query.get("q", "").replace("\x00", "").strip()[:200]
    return Asked(text, show if show in SHOWN else "", sort if sort in SORTS else "")


def page_of(provider: Provider, names: list[str], asked: Asked, number: str | None) -> dict[str, Any]:
    """The context of one page of `names`."""
    routes = _routes(provider)
    page = Paginator(_fitting(names, asked, routes), PAGE_SIZE).get_page(number)
    rows = _with_models(provider, list(page), routes)
    return {"served": {"page": page, "rows": rows, "asked": asked, "total": len(names), "choices": SHOWN.items()}}


def as_csv(provider: Provider, names: list[str], asked: Asked) -> StreamingHttpResponse:
    """Every one of `names` that fits."""
    routes = _routes(provider)
    rows = _with_models(provider, _fitting(names, asked, routes), routes)
    lines = ((row.name, row.model.slug if row.model else "", " ".join(row.routes)) for row in rows)
    return csv_response(f"models-at-{provider.slug}.csv", ("name", "model in the catalog", "routes"), lines)


def _fitting(names: list[str], asked: Asked, routes: dict[str, list[str]]) -> list[str]:
    found = [name for name in names if all(word in name.casefold() for word in asked.text.casefold().split())]
    if asked.show:
        found = [name for name in found if (name in routes) == (asked.show == "routed")]
    return sorted(found, key=str.casefold, reverse=asked.sort.startswith("-")) if asked.sort else found


def _with_models(provider: Provider, names: list[str], routes: dict[str, list[str]]) -> list[Served]:
    listed = Deployment.objects.filter(provider=provider, upstream_name__in=names).select_related("version__model")
    known = {each.upstream_name: each.version.model for each in listed}
    return [Served(name, known.get(name), routes.get(name, [])) for name in names]


def _routes(provider: Provider) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    targets = RouteTarget.objects.filter(deployment__provider=provider, route__is_enabled=True)
    for name, slug in targets.values_list("deployment__upstream_name", "route__slug"):
        found.setdefault(name, []).append(slug)
    return found
