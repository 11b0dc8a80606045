"""What this room brings to the home page: invitations, tenants to take over, and what waits in a person's tenants."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ui.places import Card, register_card


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("tenants.invitations", 10, "tenants/invitations_card.html", _invitations))
    register_card(Card("tenants.ownership", 11, "tenants/ownership_card.html", _transfers))
    register_card(Card("tenants.waiting", 11, "tenants/waiting_card.html", _waiting))


def _invitations(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.invite import waiting_for  # tables need the apps
    from tenants.models import User

    waiting = waiting_for(request.user) if isinstance(request.user, User) else []
    return {"invitations": waiting} if waiting else None


def _transfers(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.models import User
    from tenants.ownership import waiting_for  # tables need the apps

    waiting = waiting_for(request.user) if isinstance(request.user, User) else []
    return {"transfers": waiting} if waiting else None


def _waiting(request: HttpRequest) -> dict[str, Any] | None:
    from tenants.awaiting import waiting_for  # tables need the apps
    from tenants.models import User

    waiting = waiting_for(request.user) if isinstance(request.user, User) else []
    return {"waiting": waiting} if waiting else None
