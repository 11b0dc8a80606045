"""`/tenants/<slug>/keys/revoke/`: the keys ticked on the list, what revoking them brings about, and doing it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from refusals.errors import Missing
from tenants import bulk_revoking
from tenants.models import ApiKey
from tenants.views.entering import enter, posted


@require_http_methods(["GET", "POST"])
def revoke_many(request: HttpRequest, slug: str) -> HttpResponse:
    """Asked, the preview with its figures; sent, all of them are revoked or, where one is not there, none."""
    inside = enter(request, slug)
    inside.require_anywhere("tenants.manage_keys")
    ids = _ids((request.POST if request.method == "POST" else request.GET).getlist("key"))
    if not ids:
        messages.warning(request, "Tick the keys to revoke first.")
        return redirect("tenants:keys", slug)
    rows = ApiKey.objects.filter(tenant=inside.tenant).select_related("environment__project")
    found = bulk_revoking.chosen(rows, ids)
    for key in found:
        inside.require("tenants.manage_keys", at=key)
    if request.method == "POST":
        count = bulk_revoking.revoke_all(found=found, by=inside.viewer, reason=posted(request, "reason"))
        told = f"{count} keys are" if count != 1 else "One key is"
        messages.success(request, f"{told} revoked. Calls with {'them' if count != 1 else 'it'} are refused.")
        return redirect("tenants:keys", slug)
    return inside.show(request, "revoke_keys", tab="keys", effect=bulk_revoking.effect_of(found))


def _ids(given: list[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in given]
    except ValueError:
        raise Missing("One of these keys does not exist. Nothing was revoked.") from None
