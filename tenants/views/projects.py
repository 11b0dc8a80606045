"""`/tenants/<slug>/projects/`: the use cases of a tenant, making one, and changing what one is called and for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import finding, structure
from tenants.data_classes import DATA_CLASSES
from tenants.data_sent import facts_of
from tenants.delegation import MANAGE_TENANT
from tenants.forms import ProjectChangeForm, ProjectForm
from tenants.models import Environment, Project
from tenants.roles import PROJECT_ROLES
from tenants.seen import mark_of
from tenants.views.entering import Inside, enter, text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50
PEOPLE_SHOWN = 8


@require_http_methods(["GET", "POST"])
def projects(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The list with the form that makes one."""
    inside = enter(request, slug)
    form = ProjectForm(request.POST or None)
    if request.method == "POST":
        inside.require("tenants.manage_tenant")
        if form.is_valid():
            try:
                project = structure.create_project(tenant=inside.tenant, by=inside.viewer, **form.cleaned_data)
            except Refusal as refusal:
                form.refused(refusal)
            else:
                messages.success(request, f"{project} has development, test and production now.")
                return redirect("tenants:overview", slug)
    text, state = text_of(request, "q"), text_of(request, "state", 10)
    state = state if state in finding.PROJECT_STATES else ""
    found = finding.projects(Project.objects.filter(tenant=inside.tenant), text=text, state=state)
    rows, sort = ordered(found, text_of(request, "sort"), finding.PROJECT_SORTS, "name")
    if request.GET.get("format") == "csv":
        head = ("name", "slug", "purpose", "keys", "created at", "archived at")
        lines = ((p.name, p.slug, p.purpose, vars(p)["keys"], p.created_at, p.archived_at) for p in in_batches(rows))
        exported(request, "projects", tenant=slug)
        return csv_response(f"{slug}-projects.csv", head, lines)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    shown: dict[str, Any] = {
        "page": page,
        "text": text,
        "state": state,
        "sort": sort,
        "states": finding.PROJECT_STATES.items(),
    }
    return inside.show(request, "projects", status=422 if form.errors else 200, form=form, **shown)


@require_http_methods(["GET", "POST"])
def project(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse:
    """One project: its name and purpose to change, who has a role in it, and the ways to archive it or to give it
    away."""
    inside = enter(request, slug)
    found = find(inside, project_id)
    if request.method == "POST":
        inside.require(MANAGE_TENANT, at=found)
    now = {"name": found.name, "purpose": found.purpose}
    form = ProjectChangeForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            changed = structure.change_project(project=found, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{changed} is saved.")
            return redirect("tenants:project", slug, project_id)
    roles = list(found.roles.select_related("user").order_by("created_at")[: PEOPLE_SHOWN + 1])
    return inside.show(
        request, "project", status=422 if form.errors else 200, tab="projects", at=found, project=found, form=form,
        people=[(each.user, PROJECT_ROLES[each.role]) for each in roles[:PEOPLE_SHOWN]],
        more_people=len(roles) > PEOPLE_SHOWN, environments=_shown(found),
        data_classes=DATA_CLASSES.items(), may_move=inside.may(MANAGE_TENANT),
    )  # fmt: skip


def _shown(found: Project) -> list[tuple[Environment, str]]:
    """Each environment with a mark of what its form is filled with."""
    return [(each, mark_of(facts_of(each))) for each in sorted(found.environments.all(), key=by_kind)]


def by_kind(environment: Environment) -> int:
    """Development, test, production."""
    return Environment.Kind.values.index(environment.kind)


def find(inside: Inside, project_id: UUID) -> Project:
    """The project of this tenant. Raises `Missing`."""
    found = Project.objects.filter(tenant=inside.tenant, pk=project_id).first()
    if found is None:
        raise Missing(f"There is no such project of {inside.tenant}.")
    return found
