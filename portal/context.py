"""What every template finds under `shell`: places, where one works, notifications, theme. Partials pay nothing."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest

from portal import closed_doors
from portal.accounts import DemonstrationAccount, offered_accounts
from portal.navigation import ShownPlace, account_tabs, places
from portal.second_factor import COME_FROM
from portal.standing import Standing, standing_of
from tenants.reach import has_second_factor
from tenants.security.closing import Asked, Closed
from tenants.where import Where, shown

THEMES = (("system", "Like the system", "device-desktop"), ("light", "Light", "sun"), ("dark", "Dark", "moon"))


class Shell:
    """The frame of one page for one person."""

    themes = THEMES

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def standing(self) -> Standing:
        return standing_of(self.request)

    @cached_property
    def places(self) -> list[ShownPlace]:
        return places(self.request, self.standing) if self.standing.user.is_authenticated else []

    @cached_property
    def where(self) -> Where | None:
        where = shown(self.request) if self.standing.user.is_authenticated else None
        is_closed = where and any(where["path"].startswith(f"{each.asked.slug}/") for each in self.closed)
        return None if is_closed else where

    @property
    def closed(self) -> tuple[Closed, ...]:
        """The person's tenants that are closed to them as they come."""
        return closed_doors.closed() if self.standing.user.is_authenticated else ()

    @property
    def asked_later(self) -> tuple[Asked, ...]:
        """Those that will be, for want of a second factor."""
        return closed_doors.asked_later() if self.standing.user.is_authenticated else ()

    @cached_property
    def came_from(self) -> bool:
        """Whether there is somewhere to go back to, after a second factor was asked for and is there now."""
        session = getattr(self.request, "session", None)
        if not session or COME_FROM not in session or not self.standing.user.is_authenticated:
            return False
        return has_second_factor(self.standing.user)

    @property
    def has_tenants(self) -> bool:
        return self.standing.is_member

    @property
    def unread(self) -> int:
        return self.standing.unread

    @property
    def theme(self) -> str:
        kept = getattr(self.standing.user, "theme", "") or self.request.COOKIES.get("atrium_theme", "")
        return kept if kept in {"light", "dark"} else "system"

    @property
    def demonstration(self) -> bool:
        return settings.DEMONSTRATION and self.standing.among_demonstration

    @cached_property
    def account_tabs(self) -> list[ShownPlace]:
        return account_tabs(self.request)

    @property
    def open_signup(self) -> bool:
        return get_adapter(self.request).is_open_for_signup(self.request)

    @cached_property
    def demonstration_accounts(self) -> list[DemonstrationAccount]:
        return offered_accounts()


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor."""
    return {"shell": Shell(request), "DEMONSTRATION": settings.DEMONSTRATION}
