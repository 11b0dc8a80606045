"""The pages of the playground: a new session, one's own, a shared one, and what their drawers hold."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from playground import sessions_page
from playground.asking import MAX_PROMPT_LENGTH
from playground.blinding import letter
from playground.columns import MAX_COLUMNS, Column, from_kept
from playground.conversation import body, last_attempts, messages, turns_of
from playground.finding import MAX_SEARCH_LENGTH, containing, find_own, find_readable, own, readable
from playground.forms import read, viewer_of
from playground.framing import partial
from playground.models import Answer, Session
from playground.offering import (
    MAX_ENVIRONMENTS,
    environments_for,
    find_offers,
    first_environment,
    longest_answers,
    offers_of,
    resolve_names,
    usable_environment,
    usual_routes,
)
from playground.recovery import interrupt_the_silent
from playground.showing import conversation, label_of, preferred_by, shown_answer, shown_columns
from playground.snippets import key_variable, snippets
from playground.variables import filled
from tenants.models import Environment, User
from tenants.scoping import may, tenants_for
from tenants.where import acts_in, chosen

MAX_LISTED = 60


@require_GET
def new(request: HttpRequest) -> HttpResponse:
    """A session not kept before its first prompt: `?m=` models, `?prompt=`, `?from=` another session, `?blind=1`."""
    viewer = viewer_of(request)
    environments = list(environments_for(viewer)[:MAX_ENVIRONMENTS])
    source_id = _uuid(request.GET.get("from"))
    source = find_readable(viewer, source_id) if source_id else None
    here = chosen(request)
    preferred = request.GET.get("environment", "") or (source.environment.path if source else "")
    wanted = resolve_names(_named(request))
    environment = first_environment(environments, preferred, wanted, usual=here["path"] if here else "")
    if environment is None:
        return _begin_elsewhere(request, viewer)
    columns, prompt = _start(request, source, environment, wanted)
    offers = offers_of(environment, [column.route for column in columns], environments)
    acts_in(request, environment)
    context = {
        "columns": shown_columns(columns, offers),
        "environment": environment,
        "environments": environments,
        "is_blind": request.GET.get("blind") == "1",
        "prompt": prompt[:MAX_PROMPT_LENGTH],
        **_frame(viewer, None),
    }
    return render(request, "playground/session.html", context)


def _start(
    request: HttpRequest, source: Session | None, environment: Environment, wanted: list[str]
) -> tuple[list[Column], str]:
    """The columns and the prompt that a new session begins with; `wanted` are the routes that the address names."""
    prompt = request.GET.get("prompt", "").replace("\x00", "")
    if source is not None and not source.is_hidden:
        first = source.turns.first()
        said = (first.template or first.prompt) if first and source.owner_id != viewer_of(request).pk else ""
        return from_kept(source.columns), prompt or said
    if source is not None:  # a hidden one may be repeated without being shown
        return [Column(1)], prompt
    names = wanted or usual_routes(environment, 2) or [""]
    return [Column(key, name) for key, name in enumerate(names, start=1)], prompt


def _named(request: HttpRequest) -> list[str]:
    """The models that the address names."""
    return [name.replace("\x00", "")[:120] for name in request.GET.getlist("m") if name.strip()][:MAX_COLUMNS]


@require_GET
def session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """One's own session to go on with, or somebody's shared one to read."""
    viewer = viewer_of(request)
    found = find_readable(viewer, session_id)
    interrupt_the_silent(Answer.objects.filter(turn__session=found))
    if found.owner_id != viewer.pk:
        return _shared(request, viewer, found)
    environments = list(environments_for(viewer).filter(tenant=found.tenant)[:MAX_ENVIRONMENTS])
    offers = offers_of(found.environment, [column.route for column in from_kept(found.columns)], environments)
    acts_in(request, found.environment)
    context = {
        "session": found,
        "session_id": found.pk,
        "columns": conversation(found, offers, preferred_by(found, viewer.pk)),
        "environment": found.environment,
        "environments": environments,
        "share_url": request.build_absolute_uri(found.get_absolute_url()),
        "vote": _vote(found),
        "known": found.turns.count(),
        **_frame(viewer, found),
    }
    return render(request, "playground/session.html", context)


def _shared(request: HttpRequest, viewer: User, found: Session) -> HttpResponse:
    context = {
        "session": found,
        "columns": conversation(found, {}, frozenset()),
        "may_use": may(viewer, "tenants.use_models", found.environment),
    }
    return render(request, "playground/shared.html", context)


def _frame(viewer: User, current: Session | None) -> dict[str, Any]:
    return {"token": uuid4(), "prompt_limit": MAX_PROMPT_LENGTH, **_listed(viewer, "", current.pk if current else None)}


def _begin_elsewhere(request: HttpRequest, viewer: User) -> HttpResponse:
    """For a person who cannot call models yet: why, and every way in."""
    tenants = list(tenants_for(viewer).filter(memberships__user=viewer)[:20])
    may_use = any(may(viewer, "tenants.use_models", tenant) for tenant in tenants)
    context = {
        "reason": "tenant" if not tenants else "environment" if may_use else "role",
        "tenants": tenants,
        "wanted": request.GET.getlist("m")[:MAX_COLUMNS],
        "shared": readable(viewer).select_related("owner").order_by("-updated_at")[:10],
        "bring_path": _path("access:new-tenant"),
        "create_path": reverse("tenants:create") if viewer.has_perm("tenants.add_tenant") else "",
        "catalog_path": _path("catalog:list"),
    }
    return render(request, "playground/begin.html", context)


@require_GET
def sessions(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list of sessions, for the side; without htmx the page of all of them."""
    if not request.headers.get("HX-Request"):
        return sessions_page.show(request, viewer_of(request))
    text = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH]
    current = _uuid(request.GET.get("session"))
    return render(request, "playground/sessions.html", _listed(viewer_of(request), text, current))


def _listed(viewer: User, text: str, current_id: UUID | None) -> dict[str, Any]:
    rows = list(containing(own(viewer), text).order_by("-is_pinned", "-updated_at")[: MAX_LISTED + 1])
    today = timezone.now().date()
    for row in rows:
        row.day = _day(row.updated_at.date(), today)  # type: ignore[attr-defined]
    return {"sessions": rows[:MAX_LISTED], "more": len(rows) > MAX_LISTED, "text": text, "current_id": current_id}


def _day(day: dt.date, today: dt.date) -> str:
    age = (today - day).days
    return "Today" if age <= 0 else "Yesterday" if age == 1 else "Last 7 days" if age < 8 else "Earlier"


@require_GET
def latest(request: HttpRequest) -> HttpResponseRedirect:
    """The session last worked in, else a new one."""
    found = own(viewer_of(request)).order_by("-updated_at").first()
    return HttpResponseRedirect(found.get_absolute_url() if found else reverse("playground:new"))


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """What the model picker offers for the text typed into it."""
    environment = usable_environment(viewer_of(request), request.GET.get("environment", "").replace("\x00", ""))
    text = request.GET.get("q", "").replace("\x00", "")[:120]
    key = request.GET.get("key", "")
    context = {
        "choice": find_offers(environment, text),
        "text": text,
        "key": int(key) if key.isdecimal() and len(key) < 6 else 0,
        "current": request.GET.get("current", ""),
    }
    return render(request, "playground/options.html", context)


@require_GET
def toolbar(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The toolbar and drawers anew, after a session began or got another name."""
    viewer = viewer_of(request)
    found = find_own(viewer, session_id)
    context = {
        "session": found,
        "session_id": found.pk,
        "environment": found.environment,
        "environments": list(environments_for(viewer).filter(tenant=found.tenant)[:MAX_ENVIRONMENTS]),
        "share_url": request.build_absolute_uri(found.get_absolute_url()),
    }
    bar = render_to_string("playground/toolbar.html", context)
    drawers = render_to_string("playground/session_drawers.html", context)
    return HttpResponse(partial("toolbar", bar) + partial("session-drawers", drawers))


@require_GET
def history(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Every turn with every attempt of every column, also of removed ones."""
    found = find_readable(viewer_of(request), session_id)
    keys = [column.key for column in from_kept(found.columns)]
    turns = []
    for turn in turns_of(found):
        answers = [
            shown_answer(
                answer,
                is_hidden=found.is_hidden,
                label=letter(keys.index(answer.column)) if found.is_hidden and answer.column in keys else answer.route,
            )
            for answer in turn.answers.all()
        ]
        turns.append((turn, answers))
    return render(request, "playground/history.html", {"session": found, "turns": turns})


@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """What each column would send now, as code."""
    asked = read(request)
    prompt = asked.prompt
    text = filled(prompt.text, prompt.values).replace("\x00", "").strip()[:MAX_PROMPT_LENGTH]
    turns = turns_of(asked.session) if asked.session else []
    entries = []
    is_hidden = asked.session is not None and asked.session.is_hidden
    longest = longest_answers([column.route for column in asked.columns])
    for place, column in enumerate([] if is_hidden else asked.columns):
        if column.route:
            earlier, last = (turns, text) if text or not turns else (turns[:-1], turns[-1].prompt)
            spoken = messages(column, earlier, last or "Say hello.", filled(column.system, prompt.values))
            written = snippets(asked.environment, body(column, spoken, longest.get(column.route)), column.purpose)
            entries.append({"label": label_of(column, place, is_hidden=False), "snippets": written})
    context = {
        "entries": entries,
        "environment": asked.environment,
        "variable": key_variable(asked.environment),
        "keys_path": _path("tenants:keys", asked.environment.tenant.slug),
    }
    return render(request, "playground/code.html", context)


@require_GET
def vote_bar(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The question which answer is better, once there is something to choose from."""
    return render(request, "playground/vote.html", {"vote": _vote(find_own(viewer_of(request), session_id))})


def _vote(found: Session) -> dict[str, Any] | None:
    last = found.turns.prefetch_related("answers").last() if found.is_hidden else None
    if last is None:
        return None
    answers = last_attempts(last.answers.all())
    if len(answers) < 2 or any(answer.state == Answer.State.RUNNING for answer in answers.values()):
        return None
    columns = from_kept(found.columns)
    choices = [
        {"label": letter(place), "answer_id": answers[column.key].pk}
        for place, column in enumerate(columns)
        if column.key in answers
    ]
    return {"session_id": found.pk, "choices": choices}


def _path(name: str, *args: str) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
