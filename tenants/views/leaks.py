"""Leaked keys: reported from a key's page, or handed in by anybody at `/leaked-key/`."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from tenants import leaks
from tenants.forms import FoundForm
from tenants.handing_in import THANKS, require_room
from tenants.views.entering import posted
from tenants.views.keys import to_change


@require_POST
def report(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """A key of the tenant was seen somewhere: it is revoked at once."""
    inside, key = to_change(request, slug, key_id)
    leaks.report(key=key, by=inside.viewer, where=posted(request, "where"))
    messages.success(request, f"“{key.name}” is revoked. Everybody who manages keys here was told.")
    return redirect("tenants:key", slug, key.pk)


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("text")
@sensitive_variables("form")
def hand_in(request: HttpRequest) -> HttpResponse:
    """Anybody hands in what they found, and is told the same whatever it was."""
    if request.method == "POST":
        require_room(request)
        form = FoundForm(request.POST)
        if form.is_valid():
            leaks.hand_in(
                text=form.cleaned_data["text"],
                address=str(get_adapter(request).get_client_ip(request)),
                by=request.user if request.user.is_authenticated else leaks.FINDER,
            )
            return redirect(f"{reverse('tenants:leaked-key')}?taken=1")
    else:
        form = FoundForm()
    context = {"form": form, "thanks": THANKS if "taken" in request.GET else ""}
    return render(request, "tenants/leaked_key.html", context, status=422 if form.errors else 200)
