"""`/tenants/<slug>/keys/<id>/rotate/`: a successor for a key, shown once."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from refusals import Refusal
from tenants import once
from tenants.forms import RotateForm
from tenants.key_rotation import rotate as replace
from tenants.views.keys import shown_once, to_change


@require_http_methods(["GET", "POST"])
@never_cache
def rotate(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """How long the old key stays; sent, it answers with the new secret, this once."""
    inside, key = to_change(request, slug, key_id)
    form = RotateForm(
        request.POST if request.method == "POST" else None, initial={"once": once.new_token(), "overlap": "24h"}
    )
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                once.claim_form(user=inside.viewer, token=form.cleaned_data["once"], path=request.path)
                issued = replace(key=key, overlap=form.cleaned_data["overlap"], by=inside.viewer)
            return shown_once(request, inside, issued)
        except once.SentAlready:
            messages.warning(request, "This form was sent already. The new secret was shown once and is not kept.")
            return redirect("tenants:key", slug, key.pk)
        except Refusal as refusal:
            form.refused(refusal)
    return inside.show(request, "rotate_key", status=422 if form.errors else 200, tab="keys", key=key, form=form)
