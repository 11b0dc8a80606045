"""Asking to be let into a tenant, and answering."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import join as verbs
from tenants import once
from tenants.arrivals import JoinRequest
from tenants.delegation import MANAGE_MEMBERS, require_assignable
from tenants.forms_of_arrival import JoinForm
from tenants.views.entering import Inside, enter, posted, text_of, viewer_of


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """`/tenants/join/`: ask, and what became of what one asked."""
    viewer = viewer_of(request)
    initial = {"once": once.new_token(), "tenant": text_of(request, "tenant", 40)}
    form = JoinForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                once.claim_form(user=viewer, token=form.cleaned_data["once"], path=request.path)
                verbs.ask(slug=form.cleaned_data["tenant"], sentence=form.cleaned_data["sentence"], by=viewer)
        except once.SentAlready:
            return redirect("tenants:join")
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, "Your question is on its way. If the team answers, it is in your bell.")
            return redirect("tenants:join")
    context = {"form": form, "asked": verbs.of(viewer)}
    return render(request, "tenants/join.html", context, status=422 if form.errors else 200)


@require_POST
def withdraw(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """Take one's question back."""
    verbs.withdraw(key=asked_id, by=viewer_of(request))
    messages.success(request, "Your question is taken back.")
    return redirect("tenants:join")


@require_POST
def admit(request: HttpRequest, slug: str, asked_id: UUID) -> HttpResponse:
    """Let somebody in."""
    inside, role = enter(request, slug, MANAGE_MEMBERS), posted(request, "role", 20)
    asked = find(inside, asked_id)
    require_assignable(inside.viewer, inside.tenant, inside.held, role)
    made = verbs.admit(asked=asked, role=role, by=inside.viewer)
    messages.success(request, f"{made.user} is in {inside.tenant} now.")
    return redirect("tenants:members", slug)


@require_POST
def decline(request: HttpRequest, slug: str, asked_id: UUID) -> HttpResponse:
    """Do not let somebody in."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    verbs.decline(asked=find(inside, asked_id), reason=posted(request, "reason", 501), by=inside.viewer)
    messages.success(request, "Declined; they were told why.")
    return redirect("tenants:members", slug)


def find(inside: Inside, asked_id: UUID) -> JoinRequest:
    """The question that was put to the tenant. Raises `Missing`."""
    found = JoinRequest.objects.filter(tenant=inside.tenant, pk=asked_id).first()
    if found is None:
        raise Missing(f"Nobody asked {inside.tenant} this.")
    return found
