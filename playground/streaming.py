"""The addresses that answer while models write: run, stop, and one answer for a tab that only looks on."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_POST
from structlog.contextvars import get_contextvars

from gateway.calls import Caller
from playground import running
from playground.asking import AskedAlready, Plan, ask, ask_again
from playground.blinding import letter
from playground.columns import from_kept
from playground.events import stream
from playground.finding import find_own, readable
from playground.forms import read, viewer_of
from playground.framing import partial
from playground.models import Answer
from playground.recovery import interrupt_the_silent
from playground.running import Run, caller_of
from playground.showing import preferred_by, shown_answer
from playground.stopping import ask_to_stop
from refusals.errors import Invalid, Missing
from ui.connections import give_back


@require_POST
async def run(request: HttpRequest) -> HttpResponseBase:
    """Send the prompt to every column, or (`again`) the last prompt to one; the answers come as one event stream."""
    try:
        plan, caller = await sync_to_async(_begin)(request)
    except Invalid as refusal:
        return _told_in_place(refusal)
    except AskedAlready:
        return HttpResponse(status=204)
    request_id = str(get_contextvars().get("request_id", ""))[:36]
    response = StreamingHttpResponse(
        stream(Run(plan, caller, request_id=request_id)), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # a proxy must not collect the stream
    return response


def _begin(request: HttpRequest) -> tuple[Plan, Caller]:
    """Everything that needs the database before the first word; the connection is given back for the stream."""
    try:
        asked = read(request)
        viewer = viewer_of(request)
        if asked.session is not None and asked.form.get("again"):
            column = next((c for c in asked.columns if c.key == asked.key), None)
            if column is None:
                raise Missing("This column is not part of the session any more.")
            plan = ask_again(session=asked.session, column=column, known_turns=asked.known_turns)
        else:
            plan = ask(
                session=asked.session,
                environment=asked.environment,
                columns=asked.columns,
                prompt=asked.prompt,
                is_blind=asked.is_blind,
                known_turns=asked.known_turns,
                by=viewer,
            )
        return plan, caller_of(asked.environment, viewer)
    finally:
        give_back()


def _told_in_place(refusal: Invalid) -> HttpResponse:
    """What is wrong, beside what is wrong; nothing that was typed is touched."""
    place = "prompt-error"
    if refusal.field.startswith("column-"):
        place = f"column-error-{refusal.field.removeprefix('column-')}"
    return HttpResponse(partial(place, escape(refusal.sentence)), status=422)


@require_POST
async def stop(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Stop the running answers of a session, or only `answer`; the stream then tells how they ended."""
    answers = await sync_to_async(_ask_to_stop)(request, session_id)
    running.stop(answers)
    return HttpResponse(status=204)


def _ask_to_stop(request: HttpRequest, session_id: UUID) -> list[UUID]:
    session, only = find_own(viewer_of(request), session_id), request.POST.get("answer", "")
    if not only:
        return ask_to_stop(session)
    try:
        return ask_to_stop(session, UUID(only))
    except ValueError:
        return []


@require_GET
def answer(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """One answer as it stands now, for a tab that does not have its stream."""
    viewer = viewer_of(request)
    interrupt_the_silent(Answer.objects.filter(pk=answer_id))
    row = (
        Answer.objects.filter(pk=answer_id, turn__session__in=readable(viewer)).select_related("turn__session").first()
    )
    if row is None:
        raise Missing("There is no such answer, or it is not shared with you.")
    session = row.turn.session
    keys = [column.key for column in from_kept(session.columns)]
    label = letter(keys.index(row.column)) if session.is_hidden and row.column in keys else row.route
    shown = shown_answer(
        row,
        is_hidden=session.is_hidden,
        label=label,
        preferred=preferred_by(session, viewer.pk),
        is_elsewhere=True,
    )
    context = {"answer": shown, "session_id": session.pk, "read_only": session.owner_id != viewer.pk}
    return render(request, "playground/answer.html", context)
