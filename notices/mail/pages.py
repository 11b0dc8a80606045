"""`/account/notifications/`, an owner's page for the tenant's members, and the page behind a mail's link."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from notices.mail import leaving
from notices.mail.choosing import choose, defaults_of, hour_of, lines_of, set_defaults
from notices.mail.forms import KindsForm
from notices.mail.sending import address_for
from refusals import Refusal
from tenants.invitation_mail import mail_leaves
from tenants.scoping import find_tenant
from tenants.views.entering import enter, text_of, viewer_of


@require_http_methods(["GET", "POST"])
def choices(request: HttpRequest) -> HttpResponse:
    """What comes to oneself by e-mail, in general or (`?tenant=`) about one tenant."""
    viewer, slug = viewer_of(request), text_of(request, "tenant", 40)
    tenant = find_tenant(viewer, slug) if slug else None
    lines = lines_of(viewer, tenant)
    posted = request.POST if request.method == "POST" else None
    form = KindsForm(posted, lines=lines, hour=None if tenant else hour_of(viewer))
    if posted is not None and form.is_valid():
        choose(user=viewer, tenant=tenant, choices=form.chosen(), hour=form.cleaned_data.get("hour"))
        messages.success(request, "Your choice is saved.")
        return redirect(reverse("notices:choices") + (f"?tenant={tenant.slug}" if tenant else ""))
    own = [each.tenant for each in viewer.memberships.select_related("tenant").order_by("tenant__name")]
    context: dict[str, Any] = {
        "form": form,
        "kinds": [form[line.kind.slug] for line in lines],
        "tenant": tenant,
        "own_tenants": own,
        "address": address_for(viewer),
        "mail_leaves": mail_leaves(),
    }
    return render(request, "notices/choices.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def defaults(request: HttpRequest, slug: str) -> HttpResponse:
    """How members get mails while they have not chosen themselves."""
    inside = enter(request, slug, "tenants.manage_tenant")
    lines = defaults_of(inside.tenant)
    form = KindsForm(request.POST if request.method == "POST" else None, lines=lines, owner=True)
    if request.method == "POST" and form.is_valid():
        try:
            set_defaults(tenant=inside.tenant, defaults=form.chosen(), by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, "The defaults are saved. What members chose themselves stays.")
            return redirect("notices:defaults", slug)
    context = inside.framed("settings") | {"form": form, "mail_leaves": mail_leaves()}
    return render(request, "notices/defaults.html", context, status=422 if form.errors else 200)


@csrf_exempt  # a mail program sends it (RFC 8058); the token is what proves, and it can do this alone
@login_not_required
@require_http_methods(["GET", "POST"])
@never_cache
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask; sent, turn the kind off. Looking changes nothing: mail scanners open every link."""
    if request.method != "POST":
        return render(request, "notices/stop.html", {"asked": leaving.read(token)})
    found, undo_token = leaving.leave(token)
    return render(request, "notices/stop.html", {"stopped": found, "undo": undo_token})


@login_not_required
@require_POST
@never_cache
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Choose again what was chosen before a link was used."""
    return render(request, "notices/stop.html", {"undone": leaving.undo(token)})
