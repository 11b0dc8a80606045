"""`/usage/calls/<uuid>/content/`: what was asked and answered in a call, for who may read it; taking it; erasing it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from refusals.errors import Missing
from tenants import scoping
from tenants.views.entering import posted, text_of, viewer_of
from usage.bodies.conversation import turns_of
from usage.bodies.erasing import erase_call
from usage.bodies.reading import read
from usage.bodies.setting import SET
from usage.call_page import find_call

MOST_TURNS = 500  # on one page


@never_cache
@require_GET
def content(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The conversation. That it was read is written down."""
    viewer = viewer_of(request)
    call = find_call(viewer, pk)
    opened = read(call=call, by=viewer)
    turns = turns_of(opened)
    context = {
        "call": call,
        "body": opened.body,
        "response": opened.response,
        "turns": turns[-MOST_TURNS:],
        "left_out": max(0, len(turns) - MOST_TURNS),
        "may_erase": scoping.may(viewer, SET, call.environment),
    }
    return render(request, "usage/bodies/read.html", context)


@never_cache
@require_GET
def download(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`?part=prompt` or `answer`, byte by byte as it is kept."""
    viewer = viewer_of(request)
    call = find_call(viewer, pk)
    opened = read(call=call, by=viewer)
    part = "answer" if text_of(request, "part", 10) == "answer" else "prompt"
    content = opened.answer if part == "answer" else opened.prompt
    if content is None:
        raise Missing("This part of the call is not kept.")
    is_stream = part == "answer" and opened.body.is_streamed
    kind, ending = ("text/event-stream; charset=utf-8", "txt") if is_stream else ("application/json", "json")
    answer = HttpResponse(content, content_type=kind)
    answer["content-disposition"] = f'attachment; filename="call-{call.pk}-{part}.{ending}"'
    return answer


@require_POST
def erase(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Erase it before its time."""
    viewer = viewer_of(request)
    call = find_call(viewer, pk)
    scoping.require(viewer, SET, call.environment)
    erase_call(call=call, reason=posted(request, "reason"), by=viewer)
    messages.success(request, "The content of this call is erased. The call stays in the ledger.")
    return redirect(reverse("usage:call", args=[call.pk]))
