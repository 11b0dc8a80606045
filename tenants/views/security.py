"""`/tenants/<slug>/security/`: what the tenant asks of who comes in, shown whom it concerns before it is in force."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from refusals import Refusal
from tenants.delegation import MANAGE_TENANT
from tenants.forms_of_security import SecurityForm
from tenants.security.setting import Concerned, concerned, secure
from tenants.views.entering import enter, posted
from tenants.whence import of_page

SHOWN = 20


@require_http_methods(["GET", "POST"])
def security(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; sent once it shows whom that concerns, confirmed it is in force."""
    inside = enter(request, slug, MANAGE_TENANT)
    tenant = inside.tenant
    form = SecurityForm(request.POST if request.method == "POST" else None, tenant=tenant)
    asks = bool(tenant.allowed_email_domains or tenant.second_factor_from)
    seen: Concerned | None = concerned(tenant) if asks and request.method == "GET" else None
    if request.method == "POST" and form.is_valid():
        try:
            if posted(request, "confirmed", 3) == "yes":
                secure(tenant=tenant, by=inside.viewer, **form.asked)
                messages.success(request, "It is in force. The gateway keeps to it within a second.")
                return redirect("tenants:security", slug)
            seen = concerned(tenant, by=inside.viewer, **form.asked)
        except Refusal as refusal:
            form.refused(refusal)
    return inside.show(
        request, "security", status=422 if form.errors else 200, tab="settings", form=form, seen=seen,
        asks=seen and asks, most=SHOWN,
        to_confirm=request.method == "POST" and seen is not None, address=of_page(request).address,
    )  # fmt: skip
