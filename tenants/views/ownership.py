"""`/tenants/<slug>/ownership/`: handing a tenant over to another member, and answering."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import ownership as verbs
from tenants.delegation import MANAGE_TENANT
from tenants.forms import HandOverForm
from tenants.models import Membership, OwnershipTransfer
from tenants.views.entering import Inside, enter


@require_http_methods(["GET", "POST"])
def ownership(request: HttpRequest, slug: str) -> HttpResponse:
    """Name who takes over, see who was named, or answer."""
    inside = enter(request, slug)
    open_one = verbs.open_for(inside.tenant)
    is_receiver = open_one is not None and open_one.receiver_id == inside.viewer.pk
    if request.method == "POST" or not is_receiver:
        inside.require(MANAGE_TENANT)
    form = HandOverForm(request.POST or None, people=verbs.candidates(inside.tenant))
    if request.method == "POST" and form.is_valid():
        to = form.cleaned_data["person"]
        try:
            verbs.offer(tenant=inside.tenant, to=to, by=inside.viewer)
        except verbs.NotAnOwner:
            raise
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{to} was asked to become the owner of {inside.tenant}.")
            return redirect("tenants:ownership", slug)
    shown: dict[str, Any] = {
        "transfer": open_one,
        "is_receiver": is_receiver,
        "form": form,
        "is_owner": _is_owner(inside),
    }
    return inside.show(request, "ownership", status=422 if form.errors else 200, tab="settings", **shown)


@require_POST
def accept(request: HttpRequest, slug: str, transfer_id: UUID) -> HttpResponse:
    """Become the owner."""
    inside = enter(request, slug)
    verbs.accept(transfer=find(inside, transfer_id), by=inside.viewer)
    messages.success(request, f"You are an owner of {inside.tenant} now.")
    return redirect("tenants:overview", slug)


@require_POST
def decline(request: HttpRequest, slug: str, transfer_id: UUID) -> HttpResponse:
    """Do not become the owner."""
    inside = enter(request, slug)
    verbs.decline(transfer=find(inside, transfer_id), by=inside.viewer)
    messages.success(request, "Declined; nothing was changed.")
    return redirect("tenants:overview", slug)


@require_POST
def withdraw(request: HttpRequest, slug: str, transfer_id: UUID) -> HttpResponse:
    """Take it back."""
    inside = enter(request, slug)
    verbs.withdraw(transfer=find(inside, transfer_id), by=inside.viewer)
    messages.success(request, "It is taken back; nothing was changed.")
    return redirect("tenants:ownership", slug)


def find(inside: Inside, transfer_id: UUID) -> OwnershipTransfer:
    """The transfer of this tenant. Raises `Missing`."""
    found = OwnershipTransfer.objects.select_related("tenant").filter(tenant=inside.tenant, pk=transfer_id).first()
    if found is None:
        raise Missing(f"Nobody hands {inside.tenant} over like this.")
    return found


def _is_owner(inside: Inside) -> bool:
    return Membership.objects.filter(tenant=inside.tenant, user=inside.viewer, role="owner").exists()
