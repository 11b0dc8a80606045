"""One grant: what it is for, who decided it, what it demands of calls, and the form that changes that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access.changing import WIDENS, change_conditions
from access.conditions_form import ChangeConditionsForm
from access.models import Grant
from refusals import Refusal
from refusals.errors import Missing
from tenants.delegation import MANAGE_TENANT
from tenants.scoping import visible
from tenants.seen import ChangedMeanwhile, mark_of, shown_anew
from tenants.views.entering import Inside, enter


@require_http_methods(["GET", "POST"])
def grant(request: HttpRequest, slug: str, grant_id: UUID) -> HttpResponse:
    """`/tenants/<slug>/grants/<key>/`."""
    inside = enter(request, slug)
    found = _find(inside, grant_id)
    if request.method == "POST":
        inside.require(MANAGE_TENANT, at=found.environment)
    held = found.demanded
    form = ChangeConditionsForm(request.POST or None, held=held, initial={"seen": mark_of(held.as_json())})
    if request.method == "POST" and form.is_valid():
        try:
            change_conditions(grant=found, conditions=form.conditions, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
            held = _find(inside, grant_id).demanded
            if isinstance(refusal, ChangedMeanwhile):
                shown_anew(form, held.as_json())
        else:
            messages.success(request, f"Calls of {found.environment} to {found.route} are held to it within a second.")
            return redirect("access:grant", slug, grant_id)
    may_change = inside.may(MANAGE_TENANT, at=found.environment) and found.state not in ("revoked", "expired")
    context: dict[str, Any] = {
        "grant": found,
        "sentences": held.sentences,
        "form": form if may_change else None,
        "may_widen": inside.viewer.has_perm(WIDENS),
        "may_ask": inside.may("tenants.request_access", at=found.environment) and found.route.is_enabled,
    }
    status = 422 if form.errors else 200
    return render(request, "access/grant.html", inside.framed("grants") | context, status=status)


def _find(inside: Inside, grant_id: UUID) -> Grant:
    rows = Grant.objects.select_related(
        "environment__tenant", "environment__project", "route__model", "decision__request__requester"
    )
    found = visible(inside.viewer, rows).filter(pk=grant_id, tenant=inside.tenant).first()
    if found is None:
        raise Missing("There is no such grant.")
    return found
