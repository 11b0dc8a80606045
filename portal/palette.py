"""The Ctrl-K palette: pages, tenants, actions and whatever rooms registered, found by their words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from portal.navigation import places
from portal.standing import standing_of
from tenants.models import User
from tenants.scoping import tenants_for
from ui.places import Hit, hit_providers, register_hits

MAX_PER_GROUP = 6
MAX_QUERY = 200

# Word people type → what is done there; shown only when the address exists.
ACTIONS: tuple[tuple[str, str, str], ...] = (
    ("Try a model", "playground:home", "player-play"),
    ("Bring a team", "access:new-tenant", "user-plus"),
    ("Change your account", "account", "user-cog"),
    ("Set up a second factor", "mfa_index", "shield-lock"),
    ("Change your password", "account_change_password", "password"),
    ("See the interface guide", "ui-guide", "palette"),
)


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """Hits for `q` by group: a fragment for the palette, a page of its own without script."""
    text = request.GET.get("q", "")[:MAX_QUERY].replace("\x00", "").strip()
    groups = []
    for name, provider in hit_providers():
        if hits := list(islice(provider(request, text), MAX_PER_GROUP)):
            groups.append((name, hits))
    if text:  # a group in which something is called so comes before one in which it only occurs
        groups.sort(key=lambda group: min(_distance(text, hit.name) for hit in group[1]))
    template = "portal/palette.html#results" if request.headers.get("X-Palette") else "portal/palette.html"
    return render(request, template, {"groups": groups, "text": text})


def _distance(text: str, name: str) -> int:
    """How far a name is from what was typed: 0 the same, 1 it begins so, 2 it only has it somewhere or not at all."""
    text, name = text.casefold(), name.casefold()
    return 0 if name == text else 1 if name.startswith(text) else 2


def matches(text: str, *words: str) -> bool:
    """Whether every word of `text` occurs in one of `words`."""
    hay = " ".join(words).casefold()
    return all(word in hay for word in text.casefold().split())


def _pages(request: HttpRequest, text: str) -> Iterable[Hit]:
    for place in places(request, standing_of(request)):
        if matches(text, place.name):
            yield Hit(place.name, place.href, place.icon)


def _tenants(request: HttpRequest, text: str) -> Iterable[Hit]:
    if not isinstance(request.user, User):
        return
    found = tenants_for(request.user)
    if text:
        found = found.filter(name__icontains=text) | found.filter(slug__icontains=text)
    for tenant in found[:MAX_PER_GROUP]:
        try:
            yield Hit(tenant.name, tenant.get_absolute_url(), "users-group", "Tenant")
        except NoReverseMatch:
            return


def _actions(request: HttpRequest, text: str) -> Iterable[Hit]:
    for name, url_name, icon in ACTIONS:
        if matches(text, name):
            try:
                yield Hit(name, reverse(url_name), icon)
            except NoReverseMatch:
                continue


register_hits("Pages", _pages, order=10)
register_hits("Tenants", _tenants, order=30)
register_hits("Actions", _actions, order=90)
