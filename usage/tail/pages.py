"""`/tenants/<slug>/calls/`: the calls of a tenant as they start and end, and the stream that keeps the page up to date.

Without script the page shows one look, says so, and is loaded anew every few seconds unless it is paused.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from refusals.errors import Invalid
from tenants.models import Project, User
from tenants.views.entering import enter
from tenants.whence import of_page
from ui.connections import give_back
from usage.asked import without_paging
from usage.models import Call
from usage.tail.lines import lines_of
from usage.tail.looking import RUNNING, Wanted, look, wanted
from usage.tail.open_streams import take
from usage.tail.streaming import Watching, stream

OUTCOMES = [("", "Any state"), (RUNNING, "Under way"), *Call.Outcome.choices, ("errors", "Errors")]
KINDS = [("", "Any environment"), ("development", "Development"), ("test", "Test"), ("production", "Production")]


@require_GET
def live(request: HttpRequest, slug: str) -> HttpResponse:
    """The page, by the filters of the list of calls and `paused=1`. A filter that cannot be read is left out."""
    inside = enter(request, slug)
    problem, is_paused = "", request.GET.get("paused") == "1"
    try:
        asked = wanted(request.GET, inside.viewer, slug)
    except Invalid as refusal:
        problem, asked = refusal.sentence, wanted({}, inside.viewer, slug)
    found = look(inside.viewer, asked)
    projects = Project.objects.filter(tenant=inside.tenant, archived_at=None).order_by("slug")
    query = without_paging(request.GET, paused=None)
    context = {
        "asked": asked,
        "outcome": RUNNING if asked.only_running else asked.filters.outcome,
        "lines": lines_of(found),
        "only_ended": asked.only_ended,
        "tenant_slug": slug,
        "is_filtered": asked.only_running or any(asdict(asked.filters).values()),
        "problem": problem,
        "is_paused": is_paused,
        "pause_href": without_paging(request.GET, paused=None if is_paused else "1") or "?",
        "stream_href": reverse("usage:live-stream", args=[slug]) + ("" if problem else query),
        "list_href": f"{reverse('usage:calls')}?tenant={slug}",
        "projects": [("", "Any project"), *((each.slug, each.name) for each in projects[:200])],
        "project": asked.filters.project.rpartition("/")[2],
        "kinds": KINDS,
        "outcomes": OUTCOMES,
    }
    return render(request, "usage/live.html", inside.framed("usage") | context)


@require_GET
async def live_stream(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The events of the page; a `Last-Event-ID` of the last minute goes on where it was. Raises `TooManyWatch` and
    `ServerEnds` besides what the page does."""
    watching = await sync_to_async(_begin)(request, slug)
    response = StreamingHttpResponse(
        stream(watching, take(watching.viewer), _moment(request.headers.get("Last-Event-ID", ""))),
        content_type="text/event-stream; charset=utf-8",
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # a proxy must not collect the stream
    return response


def _begin(request: HttpRequest, slug: str) -> Watching:
    """Everything that needs the database before the first event. Raises what the page does."""
    try:
        inside = enter(request, slug)
        viewer: User = inside.viewer
        asked: Wanted = wanted(request.GET, viewer, slug)
        return Watching(viewer.pk, of_page(request), request.session.session_key, asked)
    finally:
        give_back()


def _moment(told: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
