"""The list of requests: mine and those of my tenants, as a page and as CSV."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.listing import Asked, find
from approvals.models import Request
from approvals.next_step import next_step
from approvals.scoping import requests_for
from approvals.states import State
from approvals.subjects import kind_of, kinds
from approvals.viewer import viewer_of
from audit.exporting import exported
from tenants.models import Tenant
from ui.exporting import csv_response, in_batches

PAGE_SIZE = 50
MAX_TENANT_CHIPS = 12
HEAD = (
    "number", "title", "kind", "tenant", "environment", "requester", "state", "sent (UTC)", "closed (UTC)", "reason",
)  # fmt: skip


@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """Requests that the person may see, by their filters."""
    viewer, asked = viewer_of(request), Asked.read(request.GET)
    page = Paginator(find(viewer, asked), PAGE_SIZE).get_page(request.GET.get("page"))
    shown = {row.tenant_id for row in page if row.tenant_id}
    tenants = Tenant.objects.filter(pk__in=shown).order_by("name")[:MAX_TENANT_CHIPS]
    context = {
        "asked": asked,
        "page": page,
        "rows": [(row, next_step(row, viewer), kind_of(row.subject_kind).name) for row in page],
        "states": State.choices,
        "kinds": kinds(),
        "tenants": tenants,
        "any": page.paginator.count or requests_for(viewer).exists(),
    }
    return render(request, "approvals/list.html", context)


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows, all of them, as CSV. A filter that means nothing is refused, as the file would hold more."""
    viewer, asked = viewer_of(request), Asked.read(request.GET, strict=True)
    exported(request, "requests")
    return as_csv("requests.csv", find(viewer, asked))


def as_csv(name: str, rows: QuerySet[Request]) -> StreamingHttpResponse:
    """`rows` as a download called `name`."""
    return csv_response(name, HEAD, (_line(row) for row in in_batches(rows)))


def _line(row: Request) -> tuple[object, ...]:
    return (
        f"R-{row.number}",
        row.title,
        kind_of(row.subject_kind).name,
        row.tenant.slug if row.tenant else "",
        row.environment.path if row.environment else "",
        row.requester.username,
        row.state,
        f"{row.created_at:%Y-%m-%d %H:%M:%S}",
        f"{row.closed_at:%Y-%m-%d %H:%M:%S}" if row.closed_at else "",
        row.reason,
    )
