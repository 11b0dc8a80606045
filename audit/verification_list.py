"""`/platform/audit/verifications/`: every verification that somebody asked for, with what it found."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.exporting import exported
from audit.models import Verification
from audit.pages import require_searcher
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 50
SORTS = {"asked": "asked_at", "by": "asked_by", "state": "state", "entries": "checked", "ended": "finished_at"}
HEAD = ("id", "state", "asked by", "asked at", "ended at", "entries", "days", "findings", "receipt", "error")


@require_GET
def verification_list(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list by `?q=` (who asked), `?state=` and `?sort=`; `?format=csv` hands out the same rows."""
    require_searcher(request.user)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    state = request.GET.get("state", "")
    state = state if state in Verification.State.values else ""
    rows, sort = ordered(find(text=text, state=state), request.GET.get("sort", ""), SORTS, "-asked")
    if request.GET.get("format") == "csv":
        exported(request, "verifications")
        return csv_response("audit-verifications.csv", HEAD, (_line(row) for row in rows.iterator(chunk_size=500)))
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "text": text,
        "state": state,
        "sort": sort,
        "states": Verification.State.choices,
    }
    return render(request, "audit/verifications.html", context)


def find(*, text: str = "", state: str = "") -> QuerySet[Verification]:
    """The verifications in `state` that were asked for by somebody with these words in the name."""
    rows = Verification.objects.filter(state=state) if state else Verification.objects.all()
    for word in text.split():
        rows = rows.filter(asked_by__icontains=word)
    return rows


def _line(row: Verification) -> tuple[object, ...]:
    return (
        str(row.pk), row.state, row.asked_by, row.asked_at, row.finished_at, row.checked, row.days, len(row.findings),
        row.receipt, row.error,
    )  # fmt: skip
