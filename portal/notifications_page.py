"""`/notifications/`: everything that was ever in one's bell, to search, to mark as read and to take along as CSV."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from audit.exporting import exported
from tenants.models import User
from tenants.notifications import find
from tenants.views.entering import text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50
SORTS = {"title": "title", "tenant": "tenant__name", "when": "created_at"}
STATES = {"unread": ("Unread", True), "read": ("Read", False)}


def show(request: HttpRequest, viewer: User) -> HttpResponse | StreamingHttpResponse:
    """The list by `?q=`, `?state=unread|read` and `?sort=`; `?format=csv` hands out the same rows."""
    text, state = text_of(request, "q"), text_of(request, "state", 10)
    state = state if state in STATES else ""
    found = find(viewer, text=text, unread=STATES[state][1] if state else None).select_related("tenant")
    rows, sort = ordered(found, text_of(request, "sort"), SORTS, "-when")
    if request.GET.get("format") == "csv":
        exported(request, "notifications")
        head = ("notification", "text", "tenant", "leads to", "at", "read at")
        lines = (
            (n.title, n.body, n.tenant.slug if n.tenant else "", n.path, n.created_at, n.read_at)
            for n in in_batches(rows)
        )
        return csv_response("notifications.csv", head, lines)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "text": text,
        "state": state,
        "sort": sort,
        "states": [(code, word) for code, (word, _) in STATES.items()],
        "unread": find(viewer, unread=True).count(),
    }
    return render(request, "portal/notifications.html", context)
