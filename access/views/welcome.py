"""The first page of a tenant that was just set up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from access.models import Onboarding
from access.onboarding.provisioning import steps
from access.onboarding.welcome import next_things
from tenants.views.entering import enter


@require_GET
def welcome(request: HttpRequest, slug: str) -> HttpResponse:
    """`/tenants/<slug>/welcome/`: the five things to do next."""
    inside = enter(request, slug)
    things = next_things(inside.tenant, inside.viewer)
    made = Onboarding.objects.filter(tenant=inside.tenant, state=Onboarding.State.READY).first()
    left = [thing for thing in things if not thing.is_done]
    first = next((thing for thing in left if thing.may), None)
    context = {"things": things, "left": len(left), "first_left": first, "made": steps(made) if made else []}
    return render(request, "access/onboarding/welcome.html", inside.framed("overview") | context)
