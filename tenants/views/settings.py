"""`/tenants/<slug>/settings/` and `/tenants/<slug>/roles/`: what a tenant is called, and who can do what in it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods

from refusals import Refusal
from tenants import scoping, sections, structure
from tenants.explaining import explain
from tenants.forms import SettingsForm, WhyForm
from tenants.models import Membership
from tenants.roles import PLATFORM_ROLES, TENANT_ROLES
from tenants.views.entering import enter, optional_address


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Name and cost centre."""
    inside = enter(request, slug, "tenants.manage_tenant")
    tenant = inside.tenant
    now = {name: getattr(tenant, name) for name in SettingsForm.base_fields}
    form = SettingsForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            structure.change_tenant(tenant=tenant, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, "The settings are saved.")
            return redirect("tenants:settings", slug)
    leaving = optional_address("access:offboard", slug)
    return inside.show(request, "settings", status=422 if form.errors else 200, form=form, leaving=leaving)


@require_GET
def roles(request: HttpRequest, slug: str) -> HttpResponse:
    """Who can do what, and why one can or cannot: the matrix of the one table of roles."""
    inside = enter(request, slug)
    mine = Membership.objects.filter(tenant=inside.tenant, user=inside.viewer).values_list("role", flat=True).first()
    above = [r for r in PLATFORM_ROLES.values() if inside.viewer.appointments.filter(role=r.slug).exists()]
    permissions = [p for p in MATRIX if any(p in role.permissions for role in TENANT_ROLES.values())]
    rows = [
        (scoping.words(p), p, [p in role.permissions for role in TENANT_ROLES.values()], p in inside.held)
        for p in permissions
    ]
    about = inside.may("tenants.manage_members")
    asked = WhyForm(request.GET if "permission" in request.GET else None, permissions=permissions, about_others=about)
    told = None
    if asked.is_valid():
        person = asked.cleaned_data.get("person") or inside.viewer
        told = explain(person, asked.cleaned_data["permission"], inside.tenant)
    return inside.show(
        request,
        "roles",
        roles=TENANT_ROLES.values(),
        rows=rows,
        mine=TENANT_ROLES.get(mine or ""),
        above=above,
        form=asked,
        told=told,
        deciders=sections.deciders(inside.tenant),
    )


MATRIX = (
    "tenants.view_tenant",
    "tenants.use_models",
    "tenants.request_access",
    "tenants.view_usage",
    "tenants.manage_keys",
    "tenants.manage_members",
    "tenants.manage_tenant",
    "tenants.view_tenant_audit",
)
