"""Archiving a tenant or a project: what it stops, confirmed by its short name; and restoring."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from tenants import archiving
from tenants.delegation import MANAGE_TENANT
from tenants.models import Project
from tenants.views.entering import Inside, enter, posted
from tenants.views.projects import find

NOT_TYPED = "Type the short name exactly, so that nothing is archived by mistake."


@require_http_methods(["GET", "POST"])
def archive_tenant(request: HttpRequest, slug: str) -> HttpResponse:
    """What archiving the tenant stops; a POST with its short name does it."""
    inside = enter(request, slug, MANAGE_TENANT)
    if request.method == "POST":
        if posted(request, "confirm_name") == slug:
            archiving.archive_tenant(tenant=inside.tenant, by=inside.viewer)
            messages.success(request, f"{inside.tenant} is archived.")
            return redirect("tenants:settings", slug)
        return _asked(request, inside, None, error=NOT_TYPED)
    return _asked(request, inside, None)


@require_POST
def restore_tenant(request: HttpRequest, slug: str) -> HttpResponse:
    """Bring the tenant back."""
    inside = enter(request, slug, MANAGE_TENANT)
    archiving.restore_tenant(tenant=inside.tenant, by=inside.viewer)
    messages.success(request, f"{inside.tenant} is restored.")
    return redirect("tenants:settings", slug)


@require_http_methods(["GET", "POST"])
def archive_project(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse:
    """What archiving the project stops; a POST with its short name does it."""
    inside = enter(request, slug, MANAGE_TENANT)
    project = find(inside, project_id)
    if request.method == "POST":
        if posted(request, "confirm_name") == project.slug:
            archiving.archive_project(project=project, by=inside.viewer)
            messages.success(request, f"{project} is archived.")
            return redirect("tenants:projects", slug)
        return _asked(request, inside, project, error=NOT_TYPED)
    return _asked(request, inside, project)


@require_POST
def restore_project(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse:
    """Bring the project back."""
    inside = enter(request, slug, MANAGE_TENANT)
    project = archiving.restore_project(project=find(inside, project_id), by=inside.viewer)
    messages.success(request, f"{project} is restored.")
    return redirect("tenants:projects", slug)


def _asked(request: HttpRequest, inside: Inside, project: Project | None, *, error: str = "") -> HttpResponse:
    return inside.show(
        request,
        "archive",
        status=422 if error else 200,
        tab="projects" if project else "settings",
        project=project,
        thing=project or inside.tenant,
        stopped=archiving.affected(inside.tenant, project),
        error=error,
    )
