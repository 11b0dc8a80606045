"""The small acts on a session and its columns. Each answers with what changes on the page, for htmx."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_POST

from playground import keeping
from playground.columns import Column, added, next_key, removed
from playground.finding import find_own
from playground.forms import Asked, read, viewer_of
from playground.framing import partial
from playground.models import Answer
from playground.offering import MAX_ENVIRONMENTS, environments_for, offers_of
from playground.parameters import PARAMETERS
from playground.showing import ShownColumn, shown_columns
from playground.voting import vote as cast_vote
from refusals.errors import Invalid, Missing
from tenants.models import Environment
from tenants.where import choose


@require_POST
def columns(request: HttpRequest) -> HttpResponse:
    """Add, duplicate or remove a column, choose its model, change the environment, or keep what was set."""
    asked = read(request)
    if asked.session is not None and asked.session.is_hidden:
        raise Missing("The columns of a blind session are shown after the vote.")
    act = asked.form.get("act", "keep")
    changed = _changed(asked, act)
    if asked.session is not None:
        keeping.arrange(session=asked.session, environment=asked.environment, columns=changed)
    others = environments_for(viewer_of(request)).filter(tenant=asked.environment.tenant)
    offers = offers_of(asked.environment, [column.route for column in changed], list(others[:MAX_ENVIRONMENTS]))
    shown = shown_columns(changed, offers)
    session_id = asked.session.pk if asked.session else None
    context: dict[str, object] = {"environment": asked.environment, "session_id": session_id}
    if act == "remove":
        return HttpResponse(partial(f"column-{asked.key}", "", "delete"))
    if act in ("add", "duplicate"):
        new = max(shown, key=lambda column: column.key)
        html = render_to_string("playground/column.html", {"shown": new, **context})
        where = ("columns", "beforeend") if act == "add" else (f"column-{asked.key}", "afterend")
        return HttpResponse(partial(where[0], html, where[1]))
    heads = [s for s in shown if act != "choose" or s.key == asked.key]
    response = HttpResponse("".join(_head(s, context) for s in heads))
    return _moved(request, response, asked.environment) if act == "environment" else response


def _changed(asked: Asked, act: str) -> list[Column]:
    if act == "remove":
        return removed(asked.columns, asked.key)
    if act not in ("add", "duplicate"):
        return asked.columns
    used: list[int] = []
    if asked.session is not None:
        used = list(Answer.objects.filter(turn__session=asked.session).values_list("column", flat=True).distinct())
    key = next_key(asked.columns, used=used)
    return added(asked.columns, key=key, copy_of=asked.key if act == "duplicate" else None)


def _head(shown: ShownColumn, context: dict[str, object]) -> str:
    html = render_to_string("playground/head.html", {"shown": shown, **context})
    errors = "".join(
        partial(f"error-{shown.key}-{p.name}", escape(shown.column.errors.get(p.name, ""))) for p in PARAMETERS
    )
    return partial(f"head-{shown.key}", html, "outerHTML") + errors


def _moved(request: HttpRequest, response: HttpResponse, environment: Environment) -> HttpResponse:
    """The person works in `environment` from now on, and the whole page says so. The switch itself stays: it has the
    focus."""
    choose(request, viewer_of(request), environment.path)
    for part in ("badge", "names"):
        html = render_to_string(f"playground/where.html#{part}", {"environment": environment})
        response.write(partial(f"where-{part}", html))
    response["HX-Trigger"] = json.dumps({"at:where": {"kind": environment.kind}})
    return response


@require_POST
def rename(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = find_own(viewer_of(request), session_id)
    session = keeping.rename(session=session, name=request.POST.get("name", ""), by=viewer_of(request))
    return _refreshed(renamed=session.name)


@require_POST
def pin(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = find_own(viewer_of(request), session_id)
    keeping.pin(session=session, is_pinned=request.POST.get("pinned") == "1", by=viewer_of(request))
    return _refreshed()


@require_POST
def share(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = find_own(viewer_of(request), session_id)
    session = keeping.share(session=session, is_shared=request.POST.get("shared") == "1", by=viewer_of(request))
    response = render(
        request,
        "playground/session_drawers.html#sharing",
        {"session": session, "share_url": request.build_absolute_uri(session.get_absolute_url())},
    )
    response["HX-Trigger"] = json.dumps({"pg-sessions": {}})
    return response


@require_POST
def reveal(request: HttpRequest, session_id: UUID) -> HttpResponse:
    keeping.reveal(session=find_own(viewer_of(request), session_id), by=viewer_of(request))
    return _reloaded()


@require_POST
def delete(request: HttpRequest, session_id: UUID) -> HttpResponse:
    keeping.delete(session=find_own(viewer_of(request), session_id), by=viewer_of(request))
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse("playground:new")
    return response


@require_POST
def vote(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Vote for one of the answers to the turn that `winner` belongs to; without a winner the last turn is a tie."""
    session = find_own(viewer_of(request), session_id)
    winner = request.POST.get("winner", "")
    turn = session.turns.filter(answers__pk=_answer_id(winner)).first() if winner else session.turns.last()
    if turn is None:
        raise Missing("There is no such answer in this session.")
    was_hidden = session.is_hidden
    cast_vote(turn=turn, winner=UUID(winner) if winner else None, by=viewer_of(request))
    if was_hidden:
        return _reloaded()
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps(
        {"toast": {"tone": "good", "text": "Kept as your preference."}, "pg-preferred": {"answer": winner}}
    )
    return response


def _answer_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("That is not the id of an answer.", field="winner") from None


def _reloaded() -> HttpResponse:
    response = HttpResponse(status=204)
    response["HX-Refresh"] = "true"
    return response


def _refreshed(renamed: str = "") -> HttpResponse:
    """The page's script asks for the toolbar and the list anew; the conversation stays where it is."""
    events: dict[str, dict[str, str]] = {"pg-sessions": {}, "pg-toolbar": {}} | (
        {"pg-renamed": {"name": renamed}} if renamed else {}
    )
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps(events)
    return response
