"""The queue of a board's members: my turn, what is open, what was decided, and how long decisions take."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.durations import by_week
from approvals.listing import SORTS, Asked, before, narrow, turn_of, with_reviews
from approvals.models import Board, Request
from approvals.next_step import next_step
from approvals.scoping import SEE_ALL
from approvals.states import OPEN_STATES
from approvals.subjects import kind_of, kinds
from approvals.viewer import viewer_of
from approvals.views.listing import as_csv
from audit.exporting import exported
from tenants.models import User
from ui.charting import Chart, Series
from ui.sorting import ordered

PAGE_SIZE = 50
PARTS = {"turn": "number", "open": "number", "decided": "-closed"}  # with their orders: the longest waiting first


@require_GET
def board(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The queue, by `?show=`; whoever may see every request sees every board's. `?format=csv` hands out a part."""
    viewer = viewer_of(request)
    part = request.GET.get("show", "turn")
    part = part if part in PARTS else "turn"
    asked = Asked.read(request.GET, default_sort=PARTS[part])
    rows = {"turn": turn_of(viewer), "open": _open(viewer), "decided": _decided(viewer)}
    shown, _ = ordered(with_reviews(narrow(rows[part], asked)), asked.sort, SORTS, PARTS[part])
    if request.GET.get("format") == "csv":
        exported(request, "board")
        return as_csv(f"board-{part}.csv", shown)
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    boards = Board.objects.all() if viewer.has_perm(SEE_ALL) else Board.objects.filter(seats__user=viewer)
    context = {
        "asked": asked,
        "part": part,
        "page": page,
        "rows": [(row, next_step(row, viewer), kind_of(row.subject_kind).name) for row in page],
        "counts": {"turn": rows["turn"].count(), "open": rows["open"].count()},
        "boards": boards,
        "kinds": kinds(),
        "chart": _chart(before(viewer)) if part == "decided" else None,
    }
    return render(request, "approvals/board.html", context)


def _open(viewer: User) -> QuerySet[Request]:
    return before(viewer).filter(state__in=OPEN_STATES)


def _decided(viewer: User) -> QuerySet[Request]:
    return before(viewer).exclude(state__in=OPEN_STATES)


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
