"""The home page: what should I do now? Composed of the cards that rooms contribute, in parts: what waits for the person
comes with the page; what they were doing, what is new and how things stand are asked for beside it, so that it waits
for none of them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from portal.standing import standing_of
from refusals.errors import Missing
from tenants.scoping import VIEW
from ui.places import cards

FOLLOWING: dict[str, str] = {"work": "What you were doing", "new": "New for you", "figures": "How things stand"}


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What waits for the person; the other parts are asked for by the page. Without a tenant: how to begin."""
    standing = standing_of(request)
    newcomer = not standing.is_member and not standing.sits_on_a_board and not standing.may(VIEW)
    return render(
        request,
        "portal/home.html",
        {
            "cards": _shown(request, "waiting"),
            "following": FOLLOWING,
            "newcomer": newcomer,
            "beginnings": _beginnings() if newcomer else [],
        },
    )


@require_GET
def following(request: HttpRequest, part: str) -> HttpResponse:
    """One of the parts that follow: a piece for the page, a page of its own for who comes without scripts."""
    if part not in FOLLOWING:
        raise Missing("Home has no such part.")
    template = "portal/home.html#part" if request.htmx else "portal/home_following.html"  # type: ignore[attr-defined]
    context = {"cards": _shown(request, part), "name": FOLLOWING[part]}
    answer = render(request, template, context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _shown(request: HttpRequest, part: str) -> list[tuple[SafeString, bool]]:
    shown = []
    for card in cards(part):
        context = card.context(request)
        if context is not None:
            shown.append((render_to_string(card.template, context, request), card.wide))
    return shown


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
