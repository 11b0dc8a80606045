"""Decide the one button of a model for a person: what they can do next with it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from catalog.lifecycle.behind import life_behind
from catalog.lifecycle.states import Lifecycle
from catalog.models import Model, Route
from catalog.standing import Standing


@dataclass(frozen=True)
class Step:
    """A verb and where it leads; `why` says what stands in the way when there is no address."""

    verb: str
    href: str
    icon: str
    why: str = ""


def address(name: str, *args: object, **query: str | list[str]) -> str:
    """The address of a page of another room, or an empty text while that room has no such page."""
    try:
        path = reverse(name, args=args)
    except NoReverseMatch:
        return ""
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def next_step(model: Model, routes: list[Route], standing: Standing, *, may_manage: bool) -> Step:
    """What the person with `standing` can do next; of `routes`, the first that is on is the one meant."""
    served = next((route for route in routes if route.is_enabled), None)
    name = served.slug if served else model.slug
    if standing.kind == "granted":
        return Step("Open in playground", address("playground:new", m=name), "player-play")
    if standing.kind == "pending":
        return Step("See the request", standing.path or address("approvals:mine"), "git-pull-request")
    if _is_retired(model, served):
        return Step("", "", "", "It is retired: nobody is given access to it any more.")
    if standing.kind == "request":
        return Step("Request access", standing.path or address("access:request", name), "lock-open")
    if may_manage:
        return Step("Publish", address("catalog:providers"), "plug-connected", "No connected provider serves it yet.")
    return Step("", "", "", "No connected provider serves it yet. The platform team can connect one.")


def _is_retired(model: Model, served: Route | None) -> bool:
    life = life_behind(served) if served else None
    return (life.state if life else model.status) == Lifecycle.RETIRED
