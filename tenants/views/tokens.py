"""`/account/tokens/`: one's own tokens for the API; shown once, revoked by their owner."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from audit.exporting import exported
from refusals.errors import Missing
from tenants import once
from tenants import tokens as verbs
from tenants.finding import TOKEN_SORTS
from tenants.forms import TokenForm, expiry_of
from tenants.models import PersonalToken
from tenants.views.entering import text_of, viewer_of
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list with the form; sent, it shows the secret this once."""
    if request.method == "GET" and request.GET.get("format") == "csv":
        return _as_csv(request)
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
    context = _listed(request) | {
        "form": form,
        "made": made,
        "secret": secret,
        "api": f"{settings.PUBLIC_URL}/api/",
    }
    return render(request, "tenants/tokens.html", context, status=422 if form.errors else 200)


def _found(request: HttpRequest) -> tuple[QuerySet[PersonalToken], dict[str, str]]:
    """One's tokens by `?q=`, `?state=` and `?sort=`, and what of these is in force."""
    text, state = text_of(request, "q"), text_of(request, "state", 10)
    state = state if state in verbs.STATES else ""
    rows, sort = ordered(
        verbs.find(viewer_of(request), text=text, state=state), text_of(request, "sort"), TOKEN_SORTS, "-created_at"
    )
    return rows, {"text": text, "state": state, "sort": sort}


def _listed(request: HttpRequest) -> dict[str, Any]:
    rows, asked = _found(request)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return asked | {"page": page, "states": [(state, state.capitalize()) for state in verbs.STATES]}


def _as_csv(request: HttpRequest) -> StreamingHttpResponse:
    exported(request, "tokens")
    head = ("prefix", "name", "state", "last used at", "issued at", "expires at", "revoked at")
    lines = (
        (t.prefix, t.name, t.state, t.last_used_at, t.created_at, t.expires_at, t.revoked_at)
        for t in _found(request)[0].iterator(chunk_size=500)
    )
    return csv_response("my-tokens.csv", head, lines)


@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    """Revoke one of one's own tokens."""
    token = PersonalToken.objects.filter(user=viewer_of(request), pk=token_id).first()
    if token is None:
        raise Missing("You have no such token.")
    verbs.revoke(token=token, by=viewer_of(request))
    messages.success(request, f"“{token.name}” is revoked. Programs that use it are refused from now on.")
    return redirect("tenants:tokens")
