"""Entering a tenant's page: who comes, which tenant, what they may do there, and the tabs they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from tenants import scoping
from tenants.models import Tenant, User
from tenants.scoping import VIEW, Place


@dataclass(frozen=True)
class Tab:
    """A page of the tenant as the bar of tabs shows it."""

    key: str
    name: str
    icon: str
    href: str


# Addresses that carry the slug; the others filter by `?tenant=`.
OF_SLUG = ("tenants:", "access:", "usage:limits", "usage:content", "notices:")

# key, name, icon, URL name, the permission it needs
TABS: tuple[tuple[str, str, str, str, str], ...] = (
    ("overview", "Overview", "layout-grid", "tenants:overview", VIEW),
    ("members", "Members", "users", "tenants:members", VIEW),
    ("projects", "Projects", "folder", "tenants:projects", VIEW),
    ("keys", "Keys", "key", "tenants:keys", VIEW),
    ("grants", "Grants", "lock-open", "access:grants", VIEW),
    ("usage", "Usage", "chart-bar", "usage:overview", "tenants.view_usage"),
    ("limits", "Limits", "gauge", "usage:limits", VIEW),
    ("content", "Content", "messages", "usage:content", VIEW),
    ("requests", "Requests", "git-pull-request", "approvals:mine", "tenants.request_access"),
    ("roles", "Roles", "list-check", "tenants:roles", VIEW),
    ("webhooks", "Webhooks", "webhook", "notices:webhooks", "tenants.manage_tenant"),
    ("settings", "Settings", "settings", "tenants:settings", "tenants.manage_tenant"),
    ("audit", "Audit", "history", "tenants:audit", "tenants.view_tenant_audit"),
)


@dataclass(frozen=True)
class Inside:
    """One person inside one tenant, with what they hold there."""

    viewer: User
    tenant: Tenant
    holds: scoping.Held

    @property
    def held(self) -> frozenset[str]:
        """Every permission they hold in all of the tenant."""
        return self.holds.in_tenant

    def may(self, permission: str, at: Place | None = None) -> bool:
        return permission in (self.held if at is None else self.holds.at(at))

    def may_anywhere(self, permission: str) -> bool:
        """Whether they may at some place of the tenant; at which one is asked there."""
        return permission in self.holds.anywhere

    def require(self, permission: str, at: Place | None = None) -> None:
        """Raise `Forbidden` without `permission` (at `at`, or in all of the tenant)."""
        if not self.may(permission, at):
            raise scoping.lacking(permission, at or self.tenant)

    def require_anywhere(self, permission: str) -> None:
        """Raise `Forbidden` for who may at no place of the tenant."""
        if not self.may_anywhere(permission):
            raise scoping.lacking(permission, self.tenant)

    @property
    def tabs(self) -> list[Tab]:
        """The pages of this tenant that the person may open."""
        shown = []
        for key, name, icon, url_name, permission in TABS:
            if permission not in self.holds.anywhere:
                continue
            try:
                own = url_name.startswith(OF_SLUG)
                href = reverse(url_name, args=[self.tenant.slug]) if own else reverse(url_name)
            except NoReverseMatch:
                continue
            shown.append(Tab(key, name, icon, href if own else f"{href}?tenant={self.tenant.slug}"))
        return shown

    def framed(self, tab: str, at: Place | None = None) -> dict[str, Any]:
        """What `templates/tenants/frame.html` needs to show its tabs with `tab` marked; `may` is what they may `at`."""
        held = self.held if at is None else self.holds.at(at)
        may = {permission.partition(".")[2]: True for permission in held}
        return {"tenant": self.tenant, "tabs": self.tabs, "tab": tab, "may": may}

    def show(
        self, request: HttpRequest, template: str, /, *, status: int = 200, at: Place | None = None, **context: Any
    ) -> HttpResponse:
        """The page `templates/tenants/<template>.html` with the tabs around it."""
        return render(request, f"tenants/{template}.html", self.framed(template, at) | context, status=status)


def viewer_of(request: HttpRequest) -> User:
    """The signed-in person; nobody else comes this far (`portal.accounts.SignInRequired`)."""
    return cast("User", request.user)


def enter(request: HttpRequest, slug: str, permission: str = VIEW) -> Inside:
    """Into the tenant called `slug`. Raises `Missing` for strangers, `Forbidden` for who lacks `permission`."""
    viewer = viewer_of(request)
    tenant = scoping.find_tenant(viewer, slug)
    inside = Inside(viewer, tenant, scoping.held_within(viewer, tenant))
    inside.require(permission)
    return inside


def above(request: HttpRequest, permission: str) -> User:
    """The viewer, who must hold `permission` above tenants. Raises `Forbidden`."""
    viewer = viewer_of(request)
    scoping.require_above(viewer, permission)
    return viewer


def text_of(request: HttpRequest, name: str, limit: int = 120) -> str:
    """A query parameter as clean text."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:limit]


def posted(request: HttpRequest, name: str, limit: int = 300) -> str:
    """A value that was sent beside a form's own fields, as clean text."""
    return request.POST.get(name, "").replace("\x00", "").strip()[:limit]


def optional_address(url_name: str, *arguments: Any) -> str:
    """The address of another room's page, or "" where that room has none."""
    try:
        return reverse(url_name, args=arguments)
    except NoReverseMatch:
        return ""
