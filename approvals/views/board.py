"""The queue of a board's members: my turn, what is open, what was decided, and how long decisions take."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.durations import by_week
from approvals.listing import Asked, before_boards_of, narrow, turn_of, with_reviews
from approvals.models import Board, Request
from approvals.next_step import next_step
from approvals.scoping import SEE_ALL
from approvals.states import OPEN_STATES
from approvals.subjects import kind_of, kinds
from approvals.viewer import viewer_of
from tenants.models import User
from ui.charting import Chart, Series

PAGE_SIZE = 50
PARTS = ("turn", "open", "decided")


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The queue, by `?show=`; whoever may see every request sees every board's."""
    viewer, asked = viewer_of(request), Asked.read(request.GET)
    part = request.GET.get("show", "turn")
    part = part if part in PARTS else "turn"
    rows = {"turn": turn_of(viewer), "open": _open(viewer), "decided": _decided(viewer)}
    page = Paginator(with_reviews(narrow(rows[part], asked)), PAGE_SIZE).get_page(request.GET.get("page"))
    boards = Board.objects.all() if viewer.has_perm(SEE_ALL) else Board.objects.filter(seats__user=viewer)
    context = {
        "asked": asked,
        "part": part,
        "page": page,
        "rows": [(row, next_step(row, viewer), kind_of(row.subject_kind).name) for row in page],
        "counts": {"turn": rows["turn"].count(), "open": rows["open"].count()},
        "boards": boards,
        "kinds": kinds(),
        "chart": _chart(_before(viewer)) if part == "decided" else None,
    }
    return render(request, "approvals/board.html", context)


def _before(viewer: User) -> QuerySet[Request]:
    return Request.objects.all() if viewer.has_perm(SEE_ALL) else before_boards_of(viewer)


def _open(viewer: User) -> QuerySet[Request]:
    return _before(viewer).filter(state__in=OPEN_STATES).order_by("number")


def _decided(viewer: User) -> QuerySet[Request]:
    return _before(viewer).exclude(state__in=OPEN_STATES).order_by("-closed_at")


def _chart(rows: QuerySet[Request]) -> Chart | None:
    weeks = by_week(rows)
    if not any(week.count for week in weeks):
        return None
    hours = [week.median_hours for week in weeks]
    return Chart(
        kind="bar",
        labels=[week.monday.isoformat() for week in weeks],
        series=[Series("Hours to decision (median)", [None if h is None else round(h, 1) for h in hours])],
        label_head="Week of",
    )
