"""What a sign-in service says of a person's groups, read from what it sent at sign-in (OpenID Connect Core §5.1.2)."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest

from audit.record import Actor
from tenants.directory import claims
from tenants.models import User

LONGEST = 254


def follow(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    """A receiver of allauth's `user_logged_in`."""
    login: SocialLogin | None = signal.get("sociallogin")
    if login is None:
        return
    groups = groups_of(login.account.provider, login.account.extra_data)
    if groups is not None:
        claims.follow(user=user, groups=groups, by=Actor(f"sign-in service {login.account.provider}", "directory"))


def groups_of(provider: str, sent: dict[str, Any]) -> list[str] | None:
    """The groups that the service claims; None where it claims nothing about groups, which changes nothing.

    A service that has too many to send says so elsewhere and leaves the claim out. What is no name is passed over.
    """
    claim = _claim(provider)
    for part in (sent.get("userinfo"), sent.get("id_token"), sent):
        if isinstance(part, dict) and claim in part:
            found = part[claim]
            names = found if isinstance(found, list) else [found]
            return [name for name in names if isinstance(name, str) and 0 < len(name) <= LONGEST]
    return None


def _claim(provider: str) -> str:
    apps: list[dict[str, Any]] = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    app = next((each for each in apps if each["provider_id"] == provider), None)
    return str(app["settings"]["groups_claim"]) if app else "groups"
