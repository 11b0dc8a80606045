"""Bring a team: ask for a tenant."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from access.forms import TeamForm
from access.onboarding import KIND, ONBOARDING, bring_team
from access.outlook import outlook
from approvals.models import Request
from approvals.states import OPEN_STATES
from approvals.submit import OpenRequestExists
from approvals.viewer import viewer_of
from refusals.errors import Conflict, Invalid


def new(request: HttpRequest) -> HttpResponse:
    """`/tenants/new/`."""
    viewer = viewer_of(request)
    form, status = TeamForm(request.POST or None), 200
    if request.method == "POST" and form.is_valid():
        try:
            sent = bring_team(by=viewer, **form.cleaned_data)
        except OpenRequestExists as earlier:
            messages.info(request, earlier.sentence)
            return redirect(earlier.way_out)
        except Invalid as wrong:
            field = {"reason": "purpose"}.get(wrong.field, wrong.field)
            form.add_error(field if field in form.fields else None, wrong.sentence)
        except Conflict as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, f"Your request is sent as R-{sent.number}.")
            return redirect(sent)
    if form.errors:
        status = 422
    context = {
        "form": form,
        "outlooks": [outlook(KIND)],
        "kind": ONBOARDING,
        "open": Request.objects.filter(requester=viewer, subject_kind=KIND, state__in=OPEN_STATES),
    }
    return render(request, "access/team.html", context, status=status)
