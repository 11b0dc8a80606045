"""Which places the shell offers to whom: at most seven of the first level, by permission, never by role name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from portal.standing import Standing

Predicate = Callable[[Standing], bool]


@dataclass(frozen=True)
class Place:
    """A place of the first level: its URL name, who sees it, the letter after `g` that jumps there."""

    name: str
    icon: str
    url_name: str
    key: str
    may: Predicate
    count: Callable[[Standing], int] = lambda standing: 0


@dataclass(frozen=True)
class ShownPlace:
    """A place as the navigation shows it to one person on one page."""

    name: str
    icon: str
    href: str
    key: str
    is_current: bool
    is_page: bool
    count: int


def everybody(standing: Standing) -> bool:
    return True


def _audits_only(standing: Standing) -> bool:
    """The platform team finds the audit among the platform's pages; seven places are enough."""
    return standing.may("audit.search_entry") and not standing.may("catalog.manage_catalog")


PLACES: tuple[Place, ...] = (
    Place("Home", "home", "home", "h", everybody),
    Place("Catalog", "category", "catalog:list", "c", everybody),
    Place("Playground", "message-2-code", "playground:home", "p", everybody),
    Place("Requests", "git-pull-request", "approvals:mine", "r", everybody),
    Place("Usage", "chart-bar", "usage:overview", "u", everybody),
    Place("My tenants", "users-group", "tenants:list", "t", everybody),
    Place("Board", "gavel", "approvals:board", "b", lambda s: s.sits_on_a_board),
    Place("Audit", "history", "audit:search", "a", _audits_only),
    Place("Platform", "adjustments", "platform", "l", lambda s: s.may("catalog.manage_catalog")),
)


def places(request: HttpRequest, standing: Standing) -> list[ShownPlace]:
    """The places this person may go to, with the one that this page belongs to marked.

    A page that one comes to from several places says itself which it stands under: `request.stands_under`, an address.
    """
    path = getattr(request, "stands_under", request.path)
    offered = []
    for place in PLACES:
        if not place.may(standing):
            continue
        try:
            offered.append((place, reverse(place.url_name)))
        except NoReverseMatch:
            continue
    holding = [href for _, href in offered if path == href or (href != "/" and path.startswith(href))]
    current = max(holding, key=len, default="")  # /platform/audit/ belongs to Audit and not to Platform
    return [
        ShownPlace(
            place.name, place.icon, href, place.key, href == current, request.path == href, place.count(standing)
        )
        for place, href in offered
    ]


ACCOUNT_TABS = (
    ("Settings", "user", "account"),
    ("Password", "password", "account_change_password"),
    ("E-mail", "mail", "account_email"),
    ("Second factor", "shield-lock", "mfa_index"),
    ("Single sign-on", "building", "socialaccount_connections"),
    ("Sessions", "devices", "usersessions_list"),
    ("API tokens", "key", "tenants:tokens"),
    ("Notifications", "bell", "notices:choices"),
)


def account_tabs(request: HttpRequest) -> list[ShownPlace]:
    """The pages about one's own account."""
    tabs = []
    for name, icon, url_name in ACCOUNT_TABS:
        try:
            href = reverse(url_name)
        except NoReverseMatch:
            continue
        tabs.append(ShownPlace(name, icon, href, "", request.path.startswith(href), request.path == href, 0))
    return tabs
