"""What governance brings to the shell: votes that wait, one's own requests, and requests among the palette's hits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from approvals.delegation.standing import standings
from approvals.listing import Asked, narrow, turn_of, with_reviews
from approvals.models import Request
from approvals.next_step import next_step
from approvals.scoping import SEE_ALL, requests_for
from approvals.states import OPEN_STATES
from tenants import sections
from tenants.models import Tenant, User
from ui.places import Card, Hit, register_card, register_hits

MAX_ON_CARD = 5
MAX_HITS = 5


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("approvals.turn", 10, "approvals/home_card_turn.html", _turn))
    register_card(Card("approvals.open", 15, "approvals/home_card_open.html", _open, part="work"))
    register_card(Card("approvals.mine", 25, "approvals/home_card_mine.html", _mine, part="work"))
    sections.register_deciders(_deciders)
    register_hits("Requests", _hits, order=35)
    register_hits("Governance", _rules, order=80)


def _deciders(tenant: Tenant) -> list[sections.Decider]:
    return [
        sections.Decider(each.capability.name, each.words, each.means, each.sentence if each.row else "")
        for each in standings(tenant)
    ]


def _turn(request: HttpRequest) -> dict[str, Any] | None:
    if not isinstance(request.user, User):
        return None
    waiting = turn_of(request.user)
    shown = list(waiting[: MAX_ON_CARD + 1])
    more = waiting.count() - MAX_ON_CARD if len(shown) > MAX_ON_CARD else 0
    return {"turn": shown[:MAX_ON_CARD], "more": more} if shown else None


def _open(request: HttpRequest) -> dict[str, Any] | None:
    """Requests that wait for a board, the oldest first, for who looks after every board and votes in none of them."""
    if not isinstance(request.user, User) or not request.user.has_perm(SEE_ALL):
        return None
    waiting = Request.objects.filter(state__in=OPEN_STATES)
    rows = list(with_reviews(waiting).order_by("created_at")[: MAX_ON_CARD + 1])
    more = waiting.count() - MAX_ON_CARD if len(rows) > MAX_ON_CARD else 0
    shown = [(row, next_step(row, request.user)) for row in rows[:MAX_ON_CARD]]
    return {"open_requests": shown, "more": more} if shown else None


def _mine(request: HttpRequest) -> dict[str, Any] | None:
    if not isinstance(request.user, User):
        return None
    viewer = request.user
    rows = with_reviews(Request.objects.filter(requester=viewer)).order_by("-number")[:MAX_ON_CARD]
    mine = [(row, next_step(row, viewer).sentence) for row in rows]
    return {"mine": mine} if mine else None


def _hits(request: HttpRequest, text: str) -> Iterable[Hit]:
    if not isinstance(request.user, User) or len(text) < 2:
        return
    for row in narrow(requests_for(request.user), Asked(text=text)).order_by("-number")[:MAX_HITS]:
        yield Hit(row.title, row.get_absolute_url(), "git-pull-request", f"R-{row.number}, {row.get_state_display()}")


def _rules(request: HttpRequest, text: str) -> Iterable[Hit]:
    if not isinstance(request.user, User) or not request.user.has_perm("approvals.view_request"):
        return
    for name, url_name, icon in (
        ("Policies", "approvals:policies", "scale"),
        ("Who decides", "approvals:delegation", "gavel"),
        ("Boards", "approvals:boards", "users"),
    ):
        if text.casefold() in name.casefold():
            yield Hit(name, reverse(url_name), icon, "Platform")
