"""The list: search, facets, order, pages, and the same as CSV."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.exporting import exported
from catalog import addresses, exporting, filters, search
from ui.exporting import csv_response

EXAMPLES = (
    "cheap model that reads PDF documents",
    "open weights for coding",
    "embeddings for legal texts",
    "speech to text",
    "long context with reasoning",
    "claude sonnet",
)


@require_GET
def model_list(request: HttpRequest) -> HttpResponse:
    """`/catalog/`: the page, or only what the search changed of it."""
    asked = filters.read(request.GET)
    found = search.find(request.user, asked)  # type: ignore[arg-type]
    held = found.shelf
    context = {
        "found": found,
        "asked": asked,
        "facets": addresses.links(request.GET, found.facets),
        "chips": addresses.chips(request.GET, asked, held),
        "cleared": addresses.cleared(asked),
        "granted": addresses.toggled(request.GET, "granted", "1"),
        "served": addresses.toggled(request.GET, "served", "1"),
        "sorts": filters.SORTS if asked.text else {k: v for k, v in filters.SORTS.items() if k != "relevance"},
        "sort": asked.sort or ("relevance" if asked.text else ""),
        "examples": EXAMPLES,
        "total": len(held.items),
        "is_manager": request.user.has_perm("catalog.manage_catalog"),
    }
    partial = getattr(request, "htmx", False) and not getattr(request.htmx, "boosted", False)  # type: ignore[attr-defined]
    response = render(request, "catalog/list.html#found" if partial else "catalog/list.html", context)
    response["Vary"] = "HX-Request"
    if partial:
        response["HX-Push-Url"] = addresses.address(request.GET)
    return response


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """`/catalog/export.csv`: everything that the list's address finds."""
    exported(request, "catalog")
    keys = search.keys(request.user, filters.read(request.GET))  # type: ignore[arg-type]
    return csv_response("atrium-models.csv", exporting.HEAD, exporting.rows(keys))
