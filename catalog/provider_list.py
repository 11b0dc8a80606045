"""`/platform/providers/`: who serves models, connected or only listed with prices; for the platform team."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.exporting import exported
from catalog import providers
from catalog.authority import require_manager
from catalog.models import ImportRun, Provider, RouteTarget
from tenants.views.entering import text_of
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 50
STATES = {"connected": ("Connected", True), "listed": ("Listed only", False)}
SORTS = {"name": "name", "state": "is_listed", "region": "region", "routes": "routes", "tested": "tested_at"}
HEAD = ("slug", "name", "state", "address", "website", "region", "routes on", "connected at", "tested at", "last test")


@require_GET
def provider_list(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list by `?q=`, `?state=connected|listed` and `?sort=`, the connected first; `?format=csv`."""
    require_manager(request.user)
    text, state = text_of(request, "q"), text_of(request, "state", 10)
    state = state if state in STATES else ""
    found = find(text=text, connected=STATES[state][1] if state else None)
    rows, sort = ordered(found, text_of(request, "sort"), SORTS, "state", then=("name", "pk"))
    if request.GET.get("format") == "csv":
        exported(request, "providers")
        return csv_response("providers.csv", HEAD, (_line(row) for row in rows.iterator(chunk_size=500)))
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "text": text,
        "state": state,
        "sort": sort,
        "states": [(code, word) for code, (word, _) in STATES.items()],
        "suggestions": providers.suggestions(),
        "last_import": ImportRun.objects.filter(state=ImportRun.State.SUCCEEDED).first(),
    }
    return render(request, "catalog/providers.html", context)


def find(*, text: str = "", connected: bool | None = None) -> QuerySet[Provider]:
    """Providers with the words of `text` in name, address, website or region, with their `routes` that are on."""
    rows: QuerySet[Any] = Provider.objects.annotate(routes=_routes_on(), is_listed=Q(base_url=""))
    for word in text.split():
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(slug__icontains=word)
            | Q(base_url__icontains=word)
            | Q(website__icontains=word)
            | Q(region__icontains=word)
        )
    if connected is None:
        return rows
    return rows.exclude(base_url="") if connected else rows.filter(base_url="")


def _routes_on() -> Coalesce:
    targets = RouteTarget.objects.filter(deployment__provider=OuterRef("pk"), route__is_enabled=True)
    counted = targets.order_by().values("deployment__provider").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _line(row: Provider) -> tuple[object, ...]:
    return (
        row.slug, row.name, "connected" if row.is_connected else "listed", row.base_url, row.website, row.region,
        vars(row)["routes"], row.connected_at, row.tested_at, row.test_result,
    )  # fmt: skip
