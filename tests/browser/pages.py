"""Every named page, as whom it is looked at: what `make shots` takes pictures of and axe reads.

A room adds its pages here. `account` is a demonstration account; `then` are selectors to press, in order.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NamedPage:
    """A page to look at: its file name, its address, the account, what to press first."""

    name: str
    path: str
    account: str | None = None
    then: tuple[str, ...] = ()


PAGES: tuple[NamedPage, ...] = (
    NamedPage("sign-in", "/accounts/login/"),
    NamedPage("sign-up", "/accounts/signup/"),
    NamedPage("password-reset", "/accounts/password/reset/"),
    NamedPage("sign-on-cancelled", "/accounts/3rdparty/login/cancelled/"),
    NamedPage("sign-on-failed", "/accounts/3rdparty/login/error/"),
    NamedPage("home-newcomer", "/", "newcomer"),
    NamedPage("home-developer", "/", "developer"),
    NamedPage("home-board", "/", "risk-board"),
    NamedPage("home-platform", "/", "platform-admin"),
    NamedPage("account", "/accounts/settings/", "developer"),
    NamedPage("account-password", "/accounts/password/change/", "developer"),
    NamedPage("account-email", "/accounts/email/", "developer"),
    NamedPage("account-second-factor", "/accounts/2fa/", "developer"),
    NamedPage("account-sessions", "/accounts/sessions/", "developer"),
    NamedPage("notifications", "/notifications/", "developer"),
    NamedPage("switcher", "/where/", "developer"),
    NamedPage("search", "/palette/?q=a", "developer"),
    NamedPage("palette", "/", "developer", ("[data-palette-open]",)),
    NamedPage("shortcuts", "/", "developer", (".at-foot [data-dialog='#shortcuts']",)),
    NamedPage("platform", "/platform/", "platform-admin"),
    NamedPage("not-found", "/nothing-here/", "developer"),
    NamedPage("interface-guide", "/about/ui/", "developer"),
)
