"""`/tenants/<slug>/audit/`: what was done in a tenant, by whom, newest first unless asked otherwise."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from audit.exporting import exported
from tenants import finding
from tenants.views.entering import enter, text_of
from ui import keyset
from ui.exporting import csv_response

HEAD = ("at", "who", "what", "kind", "subject", "facts", "request")


@require_GET
def audit(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The entries; any length of history costs one page."""
    inside = enter(request, slug, "tenants.view_tenant_audit")
    text, verb = text_of(request, "q"), text_of(request, "verb", 80)
    rows = finding.entries(inside.tenant, text=text, verb=verb)
    if request.GET.get("format") == "csv":
        exported(request, "audit", tenant=slug)
        lines = (
            (
                e.at,
                e.actor_label,
                e.verb,
                e.subject_kind,
                e.subject_label,
                json.dumps(e.facts, ensure_ascii=False),
                e.request_id,
            )
            for batch in keyset.batches(rows, moment="at", oldest_first=keyset.is_oldest_first(request.GET))
            for e in batch
        )
        return csv_response(f"{slug}-audit.csv", HEAD, lines)
    page = keyset.page_of(rows, request.GET, moment="at")
    return inside.show(request, "audit", page=page, text=text, verb=verb, nouns=NOUNS)


NOUNS = (("key.", "Keys"), ("membership.", "Members"), ("project.", "Projects"), ("request.", "Requests"),
         ("grant.", "Grants"), ("tenant.", "Tenant"))  # fmt: skip
