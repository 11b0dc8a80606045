"""What this room brings to the shell: the card of recent sessions, sessions among the hits of the palette, and on a
model's page how prompts reach it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.urls import reverse

from catalog import panels
from playground.finding import containing, own
from playground.offering import environments_for, first_environment
from playground.sent_pages import of_model
from tenants.models import User
from tenants.where import choose, chosen
from ui.places import Card, Hit, register_card, register_hits

MAX_ON_CARD = 5
MAX_HITS = 5
MAX_CONSIDERED = 200  # environments looked at for where to begin
ACTION = "New playground session"


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("playground.recent", 20, "playground/home_card.html", _recent, part="work"))
    panels.register(panels.Panel("playground.prompts", "prompts", "playground/model_prompts.html", of_model))
    register_hits("Playground", _hits, order=40)
    user_logged_in.connect(_begin_where_models_are, dispatch_uid="playground.begin_where_models_are")


def _begin_where_models_are(sender: object, request: HttpRequest | None, user: User, **signal: object) -> None:
    """Let a new session work where a first try needs nothing more; the person may choose otherwise at any time."""
    if request is None or not hasattr(request, "session") or chosen(request) is not None:
        return
    first = first_environment(list(environments_for(user)[:MAX_CONSIDERED]))
    if first is not None:
        choose(request, user, first.path)


def _recent(request: HttpRequest) -> dict[str, Any] | None:
    if not isinstance(request.user, User):
        return None
    sessions = list(own(request.user).order_by("-updated_at")[:MAX_ON_CARD])
    return {"recent_sessions": sessions} if sessions else None


def _hits(request: HttpRequest, text: str) -> Iterable[Hit]:
    if not isinstance(request.user, User):
        return
    if all(word in ACTION.casefold() for word in text.casefold().split()):
        yield Hit(ACTION, reverse("playground:new"), "plus")
    found = own(request.user).order_by("-updated_at")
    found = containing(found, text) if len(text) > 2 else found.filter(name__icontains=text)
    for session in found[:MAX_HITS]:
        yield Hit(str(session), session.get_absolute_url(), "message-2-code", "Session")
