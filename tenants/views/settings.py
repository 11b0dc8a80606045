"""`/tenants/<slug>/settings/`: what a tenant is called, and who pays."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from refusals import Refusal
from tenants import structure
from tenants.forms import SettingsForm
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
