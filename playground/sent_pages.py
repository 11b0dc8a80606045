"""Pages of what is really sent: for the columns as they stand, for an answer that was given, on a model's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Model
from playground import sending
from playground.asking import MAX_PROMPT_LENGTH
from playground.columns import Column
from playground.conversation import body, messages, turns_of
from playground.finding import readable
from playground.forms import read, viewer_of
from playground.models import Answer
from playground.offering import longest_answers
from playground.showing import label_of
from playground.variables import filled
from refusals import Refusal
from refusals.errors import Missing
from usage.models import Call

MANAGE = "catalog.manage_catalog"


@require_POST
def sent(request: HttpRequest) -> HttpResponse:
    """What each column would be sent now."""
    asked = read(request)
    if asked.session is not None and asked.session.is_hidden:
        raise Missing("What is sent is shown after the vote: it would tell who answers.")
    prompt = asked.prompt
    text = filled(prompt.text, prompt.values).replace("\x00", "").strip()[:MAX_PROMPT_LENGTH]
    turns = turns_of(asked.session) if asked.session else []
    longest = longest_answers([column.route for column in asked.columns])
    entries, patience = [], sending.Patience()
    for place, column in enumerate(asked.columns):
        if column.route:
            earlier, last = (turns, text) if text or not turns else (turns[:-1], turns[-1].prompt)
            spoken = messages(column, earlier, last or "Say hello.", filled(column.system, prompt.values))
            shown = _shown(column.route, body(column, spoken, longest.get(column.route)), patience)
            label = label_of(column, place, is_hidden=False)
            entries.append({"label": label, "title": f"Column {place + 1}", **shown})
    return render(request, "playground/sent.html", {"entries": entries})


@require_GET
def sent_for(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """What was sent for an answer, made anew from its conversation for the deployment that gave it."""
    rows = Answer.objects.filter(pk=answer_id, turn__session__in=readable(viewer_of(request)))
    row = rows.select_related("turn__session").first()
    if row is None or row.turn.session.is_hidden:
        raise Missing("There is no such answer, or it is not shared with you, or its model is not told yet.")
    turn = row.turn
    column = Column(row.column, row.route, row.system, row.parameters)
    earlier = [each for each in turns_of(turn.session) if each.position < turn.position]
    asked = body(column, messages(column, earlier, turn.prompt, row.system), None)
    call = Call.objects.filter(pk=row.call_id).only("provider", "upstream_name").first() if row.call_id else None
    title = f"Turn {turn.position}, column {row.column}, attempt {row.attempt}"
    return render(request, "playground/sent_one.html", {"title": title, **_shown(row.route, asked, call=call)})


def _shown(
    route: str, asked: Mapping[str, Any], patience: sending.Patience | None = None, call: Call | None = None
) -> dict[str, Any]:
    try:
        found = sending.by_name(call.provider, call.upstream_name, asked) if call is not None else None
        return {"sent": found or sending.for_route(route, asked, patience), "error": ""}
    except Refusal as refusal:
        return {"sent": None, "error": refusal.sentence}


def of_model(request: HttpRequest, model: Model) -> dict[str, Any] | None:
    """How prompts reach a model, for its page; None while it is not asked here, or is none that one talks to."""
    rows = sending.examples(sending.deployments_of(model)) if model.mode == "chat" else []
    return {"rows": rows, "may_change": request.user.has_perm(MANAGE)} if rows else None
