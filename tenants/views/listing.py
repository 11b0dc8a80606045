"""`/tenants/`: the tenants one may see, and making a new one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from audit.exporting import exported
from refusals import Refusal
from tenants import finding, structure
from tenants.custom_roles import roles_named
from tenants.forms import TenantForm
from tenants.views.entering import above, optional_address, text_of, viewer_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50


@require_GET
def tenant_list(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """My tenants, or all of them for people above tenants; `?format=csv` hands out the same list."""
    viewer = viewer_of(request)
    sees_all = viewer.has_perm("tenants.view_tenant")
    text, mine = text_of(request, "q"), request.GET.get("mine") == "1"
    archived = request.GET.get("archived") == "1"
    rows = finding.tenants(viewer, text=text, mine=mine, archived=archived)
    in_order, sort = ordered(finding.with_counts(rows, viewer), text_of(request, "sort"), finding.TENANT_SORTS, "name")
    if request.GET.get("format") == "csv":
        head = ("name", "slug", "cost centre", "my role", "members", "projects", "created at", "archived at")
        lines: Any = (
            (
                t.name,
                t.slug,
                t.cost_centre,
                vars(t)["role"] or "",
                vars(t)["members"],
                vars(t)["projects_count"],
                t.created_at,
                t.archived_at,
            )
            for t in in_batches(in_order)
        )
        exported(request, "tenants")
        return csv_response("atrium-tenants.csv", head, lines)
    paginator = Paginator(in_order, PAGE_SIZE)
    paginator.count = rows.count()  # without the columns that only the shown rows need
    page = paginator.get_page(request.GET.get("page"))
    names = roles_named((tenant.pk, vars(tenant)["role"]) for tenant in page.object_list)  # an annotation
    for tenant in page.object_list:
        vars(tenant)["role_name"] = names.get((tenant.pk, vars(tenant)["role"]), "")
    is_bare = not page.object_list and not (text or archived or mine)
    context = {
        "page": page,
        "has_archived": is_bare and finding.tenants(viewer, archived=True).exists(),
        "sort": sort,
        "text": text,
        "mine": mine,
        "archived": archived,
        "sees_all": sees_all,
        "may_create": viewer.has_perm("tenants.add_tenant"),
        "onboarding": optional_address("access:new-tenant"),
    }
    return render(request, "tenants/list.html", context)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A tenant made directly by who may; everybody else is brought in by the onboarding form."""
    viewer = above(request, "tenants.add_tenant")
    form = TenantForm(request.POST or None, initial={"owner": viewer.username})
    if request.method == "POST" and form.is_valid():
        try:
            tenant = structure.create_tenant(**form.cleaned_data, by=viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{tenant.name} is there. Next: its first project.")
            return redirect(tenant)
    return render(request, "tenants/create.html", {"form": form}, status=422 if form.errors else 200)
