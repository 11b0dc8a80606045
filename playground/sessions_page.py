"""`/playground/sessions/`: one's own sessions and those that others shared in one's tenants, however many there are."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from audit.exporting import exported
from playground.columns import from_kept
from playground.finding import MAX_SEARCH_LENGTH, containing, own, readable
from playground.models import Session
from tenants.models import User
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 50
WHOSE = {"mine": "Mine", "shared": "Shared with me", "pinned": "Pinned"}
SORTS = {"name": "lower_name", "owner": "owner__username", "tenant": "tenant__name", "recent": "updated_at"}
HEAD = ("name", "owner", "environment", "models", "prompts", "pinned", "shared", "begun at", "last used at", "address")


def show(request: HttpRequest, viewer: User) -> HttpResponse | StreamingHttpResponse:
    """The list by `?q=`, `?whose=mine|shared|pinned` and `?sort=`; `?format=csv` hands out the same rows."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH]
    whose = request.GET.get("whose", "")
    whose = whose if whose in WHOSE else ""
    found = containing(of(viewer, whose), text).annotate(lower_name=Lower("name"))
    found = found.select_related("owner", "tenant", "environment__project", "environment__tenant")
    rows, sort = ordered(found, request.GET.get("sort", ""), SORTS, "-recent")
    if request.GET.get("format") == "csv":
        exported(request, "playground sessions")
        counted = rows.annotate(prompts=Count("turns"))
        return csv_response("playground-sessions.csv", HEAD, (_line(row) for row in counted.iterator(chunk_size=500)))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(row, models_of(row)) for row in page],
        "text": text,
        "whose": whose,
        "sort": sort,
        "choices": WHOSE.items(),
    }
    return render(request, "playground/all_sessions.html", context)


def of(viewer: User, whose: str) -> QuerySet[Session]:
    """The sessions that `viewer` may read, by whose they are."""
    if whose == "mine":
        return own(viewer)
    if whose == "pinned":  # a pin is its owner's
        return own(viewer).filter(is_pinned=True)
    found = readable(viewer)
    return found.exclude(owner=viewer) if whose == "shared" else found


def models_of(session: Session) -> list[str]:
    """The names of the columns, of which there are none while a blind session hides them."""
    return [] if session.is_hidden else [column.route for column in from_kept(session.columns) if column.route]


def _line(session: Session) -> tuple[object, ...]:
    return (
        str(session), session.owner.username, session.environment.path, " ".join(models_of(session)),
        vars(session)["prompts"], session.is_pinned, session.is_shared, session.created_at, session.updated_at,
        session.get_absolute_url(),
    )  # fmt: skip
