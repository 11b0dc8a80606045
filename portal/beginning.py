"""What an installation still needs before a team can call a model, for the platform team's home page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Value
from django.http import HttpRequest
from django.urls import reverse

from approvals.boards import short_of_members
from catalog.models import Route
from tenants.models import Tenant
from ui.places import Card, register_card

PERMISSION = "catalog.manage_catalog"


@dataclass(frozen=True)
class Step:
    """One thing to do: what, why or how it stands, where, and whether it is done."""

    name: str
    sentence: str
    verb: str
    address: str
    is_done: bool


def register() -> None:
    """Put the steps on the home page; the card goes when every one is done."""
    register_card(Card("portal.beginning", 3, "portal/beginning_card.html", _beginning, wide=True))


def steps() -> list[Step]:
    """What must stand before a team can call a model, in the order in which one does it."""
    short, there = short_of_members(), _there()
    names = ", ".join(f"{board} ({seated} of {needed})" for board, needed, seated in short)
    return [
        Step(
            "A model is published",
            "Teams find it in the catalog and ask for it. Open a model and choose “Publish a route”, or connect a "
            "provider first.",
            "Open the catalog",
            reverse("catalog:list"),
            "route" in there,
        ),
        Step(
            "The boards have members",
            f"A request needs people who decide. Members are missing on {names}."
            if short
            else "Every policy's boards have enough members.",
            "Seat members",
            reverse("approvals:boards"),
            not short,
        ),
        Step(
            "The first team is here",
            "Keys, access and costs belong to a tenant. Create one and name its owner, or let a team ask.",
            "Create a tenant",
            reverse("tenants:create"),
            "tenant" in there,
        ),
    ]


def _there() -> set[str]:
    """Which of both exist: a route that is on, a tenant."""
    route = Route.objects.filter(is_enabled=True).order_by().values_list(Value("route"))[:1]
    tenant = Tenant.objects.order_by().values_list(Value("tenant"))[:1]
    return {what for (what,) in route.union(tenant, all=True).order_by()}


def _beginning(request: HttpRequest) -> dict[str, Any] | None:
    if not request.user.has_perm(PERMISSION):
        return None
    found = steps()
    return None if all(step.is_done for step in found) else {"steps": found}
