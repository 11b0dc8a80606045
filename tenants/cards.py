"""What this room brings to the home page: invitations, tenants to take over, and what waits in a person's tenants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from ui.places import Card, register_card

if TYPE_CHECKING:
    from tenants.models import User


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("tenants.invitations", 10, "tenants/invitations_card.html", _invitations))
    register_card(Card("tenants.ownership", 11, "tenants/ownership_card.html", _transfers))
    register_card(Card("tenants.waiting", 11, "tenants/waiting_card.html", _waiting))


def told(request: HttpRequest, name: str, waiting_for: Callable[[User], list[Any]]) -> dict[str, Any] | None:
    """The context of a card: what is `waiting_for` the person, as `name`; None where nothing is."""
    from tenants.models import User  # tables need the apps

    waiting = waiting_for(request.user) if isinstance(request.user, User) else []
    return {name: waiting} if waiting else None


def _invitations(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.invite import waiting_for

    return told(request, "invitations", waiting_for)


def _transfers(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.ownership import waiting_for

    return told(request, "transfers", waiting_for)


def _waiting(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.awaiting import waiting_for

    return told(request, "waiting", waiting_for)
