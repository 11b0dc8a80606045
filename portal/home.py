"""The home page: what should I do now? Composed of the cards that rooms contribute."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from portal.standing import standing_of
from ui.places import cards


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Cards in their order; a person without a tenant sees how to begin above them."""
    standing = standing_of(request)
    shown: list[tuple[SafeString, bool]] = []
    for card in cards():
        context = card.context(request)
        if context is not None:
            shown.append((render_to_string(card.template, context, request), card.wide))
    newcomer = not standing.is_member and not standing.sits_on_a_board and not standing.may("tenants.view_tenant")
    return render(
        request,
        "portal/home.html",
        {"cards": shown, "newcomer": newcomer, "beginnings": _beginnings() if newcomer or not shown else []},
    )


def _beginnings() -> list[tuple[str, str, str, str, str]]:
    """What a newcomer can do: title, sentence, verb, address, icon; only what exists."""
    offered = (
        (
            "Bring your team",
            "A tenant gives your team keys, budgets and access of its own. Describe the team, and the board decides.",
            "Bring your team",
            "access:new-tenant",
            "users-group",
        ),
        (
            "Browse the catalog",
            "Find models by what they are good for, compare prices, and see for each what you need to use it.",
            "Browse models",
            "catalog:list",
            "category",
        ),
        (
            "Try a model",
            "The playground asks up to four models at once and shows what each answer cost. It opens with your first "
            "team; an owner can also add you to theirs.",
            "See how to get in",
            "playground:home",
            "player-play",
        ),
    )
    beginnings = []
    for title, sentence, verb, url_name, icon in offered:
        try:
            beginnings.append((title, sentence, verb, reverse(url_name), icon))
        except NoReverseMatch:
            continue
    return beginnings
