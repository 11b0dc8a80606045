"""`/account/tokens/`: one's own tokens for the API; shown once, revoked by their owner."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from refusals.errors import Missing
from tenants import once
from tenants import tokens as verbs
from tenants.forms import TokenForm, expiry_of
from tenants.models import PersonalToken
from tenants.views.entering import viewer_of

SHOWN = 100


@require_http_methods(["GET", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """The list with the form; sent, it shows the secret this once."""
    viewer, secret, made = viewer_of(request), "", None
    form = TokenForm(request.POST or None, initial={"once": once.new_token(), "expiry": "90"})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            with transaction.atomic():
                once.claim_form(user=viewer, token=wanted["once"], path=request.path)
                made, secret = verbs.issue(
                    user=viewer, name=wanted["name"], expires_at=expiry_of(wanted["expiry"]), by=viewer
                )
        except once.SentAlready:
            messages.warning(request, "This form was sent already. The token was issued once; it is not shown again.")
            return redirect("tenants:tokens")
        form = TokenForm(initial={"once": once.new_token(), "expiry": "90"})
    rows = PersonalToken.objects.filter(user=viewer).order_by("revoked_at", "-created_at")
    context = {
        "form": form,
        "rows": rows[:SHOWN],
        "made": made,
        "secret": secret,
        "api": f"{settings.PUBLIC_URL}/api/",
        "now": timezone.now(),
    }
    return render(request, "tenants/tokens.html", context, status=422 if form.errors else 200)


@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    """Revoke one of one's own tokens."""
    token = PersonalToken.objects.filter(user=viewer_of(request), pk=token_id).first()
    if token is None:
        raise Missing("You have no such token.")
    verbs.revoke(token=token, by=viewer_of(request))
    messages.success(request, f"“{token.name}” is revoked. Programs that use it are refused from now on.")
    return redirect("tenants:tokens")
