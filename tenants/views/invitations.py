"""`/tenants/<slug>/invitations/`: who was asked into a tenant by e-mail; asking, asking again, taking back."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import arriving, once
from tenants.arrivals import Invitation
from tenants.custom_roles import with_roles
from tenants.delegation import MANAGE_MEMBERS, assignable, require_assignable
from tenants.forms_of_arrival import InviteForm
from tenants.invitation_mail import mail_leaves
from tenants.invite import Sent, invite, resend, withdraw
from tenants.views.entering import Inside, enter, text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50


@require_GET
def invitations(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The list: search, filters, pages, CSV."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    text, state = text_of(request, "q"), text_of(request, "state", 20)
    everything = Invitation.objects.filter(tenant=inside.tenant).select_related("created_by")
    found = arriving.invitations(everything, text=text, state=state)
    rows, sort = ordered(found, text_of(request, "sort"), arriving.INVITATION_SORTS, "-created_at")
    if request.GET.get("format") == "csv":
        head = ("e-mail", "role", "state", "invited by", "created at", "last sent at", "times sent", "expires at")
        lines = (
            (
                i.email,
                i.role,
                i.state,
                str(i.created_by or ""),
                i.created_at,
                i.last_sent_at,
                i.sent_count,
                i.expires_at,
            )
            for i in in_batches(rows)
        )
        exported(request, "invitations", tenant=slug)
        return csv_response(f"{slug}-invitations.csv", head, lines)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    with_roles(page.object_list)
    return inside.show(
        request,
        "invitations",
        tab="members",
        page=page,
        text=text,
        state=state,
        states=arriving.INVITATION_STATES.items(),
        sort=sort,
        roles={role.slug for role in assignable(inside.viewer, inside.tenant, inside.held)},
    )


@require_http_methods(["GET", "POST"])
@never_cache
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; sent, it answers with the link, this once."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    initial = {"once": once.new_token(), "email": text_of(request, "email", 254)}
    roles = assignable(inside.viewer, inside.tenant, inside.held)
    form = InviteForm(request.POST or None, roles=roles, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                once.claim_form(user=inside.viewer, token=form.cleaned_data["once"], path=request.path)
                require_assignable(inside.viewer, inside.tenant, inside.held, form.cleaned_data["role"])
                sent = invite(
                    tenant=inside.tenant,
                    email=form.cleaned_data["email"],
                    role=form.cleaned_data["role"],
                    by=inside.viewer,
                )
            return _shown(request, inside, sent)
        except once.SentAlready:
            messages.warning(
                request, "This form was sent already. The invitation was sent once; its link is not shown again."
            )
            return redirect("tenants:invitations", slug)
        except Refusal as refusal:
            form.refused(refusal)
    return inside.show(request, "invite", status=422 if form.errors else 200, tab="members", form=form)


@require_POST
@never_cache
def send_again(request: HttpRequest, slug: str, invitation_id: str) -> HttpResponse:
    """A new link; the old one is dead."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    invitation = _invitation(inside, invitation_id)
    require_assignable(inside.viewer, inside.tenant, inside.held, invitation.role)
    return _shown(request, inside, resend(invitation=invitation, by=inside.viewer))


@require_POST
def take_back(request: HttpRequest, slug: str, invitation_id: str) -> HttpResponse:
    """Withdraw an invitation."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    invitation = _invitation(inside, invitation_id)
    require_assignable(inside.viewer, inside.tenant, inside.held, invitation.role)
    withdraw(invitation=invitation, by=inside.viewer)
    messages.success(request, f"The invitation of {invitation.email} is withdrawn. Its link opens nothing any more.")
    return redirect("tenants:members", slug)


def _shown(request: HttpRequest, inside: Inside, sent: Sent) -> HttpResponse:
    """The page with the link. Whether the mail left is known by now, as it is sent when the transaction commits."""
    return inside.show(
        request, "invited", tab="members", invitation=sent.invitation, link=sent.link, mail_leaves=mail_leaves()
    )


def _invitation(inside: Inside, invitation_id: str) -> Invitation:
    found = Invitation.objects.filter(tenant=inside.tenant, pk=invitation_id).first()
    if found is None:
        raise Missing(f"There is no such invitation of {inside.tenant}.")
    return found
