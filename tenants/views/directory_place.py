"""Where a page of directories stands: within a tenant that has its own, or above tenants, with the platform's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from tenants import scoping
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT, assignable
from tenants.directory.standing import find
from tenants.models import Directory, Tenant, User
from tenants.roles import TENANT_ROLES, Role
from tenants.views.entering import Inside, above, enter

CHANGE_PEOPLE = "tenants.change_user"


@dataclass(frozen=True)
class Place:
    """Who came, and whose directory it is about."""

    viewer: User
    inside: Inside | None

    @classmethod
    def enter(cls, request: HttpRequest, slug: str) -> Place:
        """Into the directory of the tenant `slug` ("": the platform's). Raises `Missing`, `Forbidden`.

        A tenant's is run by who answers for it. The platform's lets people in and switches them off, so it takes both
        permissions that these need.
        """
        if slug:
            inside = enter(request, slug, MANAGE_TENANT)
            return cls(inside.viewer, inside)
        viewer = above(request, CHANGE_PEOPLE)
        scoping.require_above(viewer, MANAGE_MEMBERS)
        return cls(viewer, None)

    @property
    def tenant(self) -> Tenant | None:
        return self.inside.tenant if self.inside else None

    @property
    def directory(self) -> Directory | None:
        return find(self.tenant)

    @property
    def roles(self) -> list[Role]:
        """The roles that a rule may give."""
        if self.inside is None:
            return list(TENANT_ROLES.values())
        return assignable(self.inside.viewer, self.inside.tenant, self.inside.held)

    def url(self, name: str, *arguments: Any) -> str:
        """The address of a page of this directory, by the name it has within a tenant."""
        if self.tenant is not None:
            return reverse(f"tenants:{name}", args=[self.tenant.slug, *arguments])
        return reverse(f"tenants:platform-{name}", args=arguments)

    def go(self, name: str) -> HttpResponse:
        return redirect(self.url(name))

    def show(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page `templates/tenants/<template>.html` in the frame of the tenant, or of the platform."""
        frame = self.inside.framed("settings") if self.inside else {}
        base = "tenants/frame.html" if self.inside else "tenants/directory_frame.html"
        names = ("directory", "directory-people", "new-directory-rule")
        links = {name.replace("-", "_"): self.url(name) for name in names}
        whole = frame | {"base": base, "links": links, "place": self} | context
        return render(request, f"tenants/{template}.html", whole, status=status)
