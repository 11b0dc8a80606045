"""`/tenants/<slug>/projects/`: the use cases of a tenant, and making one."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from audit.exporting import exported
from refusals import Refusal
from tenants import finding, structure
from tenants.forms import ProjectForm
from tenants.models import Project
from tenants.views.entering import enter, text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50


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
    shown = {"page": page, "text": text, "state": state, "sort": sort, "states": finding.PROJECT_STATES.items()}
    return inside.show(request, "projects", status=422 if form.errors else 200, form=form, **shown)
