"""Evidence on the page of a request: give a piece, collect again what the product knows, take all of it as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from approvals.evidence.collecting import CollectedJustNow, EvidenceIsFrozen, collect
from approvals.evidence.forms import EvidenceForm
from approvals.evidence.giving import TooMuchEvidence, give
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.scoping import find_request
from approvals.viewer import viewer_of
from approvals.views.page import shown
from audit.exporting import exported
from refusals.errors import Invalid
from tenants import once
from ui.exporting import csv_response, in_batches

HEAD = (
    "request", "evidence", "kind", "source", "fact", "value", "source of the fact", "as of", "collected (UTC)",
    "collected by", "expires (UTC)", "superseded", "SHA-256",
)  # fmt: skip


@require_POST
def give_one(request: HttpRequest, number: int) -> HttpResponse:
    """Add a text or a link."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    form = EvidenceForm(request.POST, request=found)
    if form.is_valid():
        try:
            with transaction.atomic():
                once.claim_form(user=viewer, token=form.cleaned_data.pop("once"), path=request.path)
                give(request=found, by=viewer, **form.cleaned_data)
        except once.SentAlready:
            messages.info(request, "This was sent already. It stands here once.")
        except (EvidenceIsFrozen, TooMuchEvidence) as too_late:
            messages.warning(request, too_late.sentence)
        except Invalid as refusal:
            form.refused(refusal)
        else:
            messages.success(request, "It is among the evidence now.")
    if not form.is_valid():
        return shown(request, number, evidence_form=form, tab="evidence", status=422)
    return redirect(evidence_tab(found))


@require_POST
def collect_again(request: HttpRequest, number: int) -> HttpResponse:
    """Collect everything that the product knows once more; what was collected before stays behind it."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    try:
        made = collect(request=found, by=viewer)
    except (EvidenceIsFrozen, CollectedJustNow) as refused:
        messages.warning(request, refused.sentence)
    else:
        failed = [item.name for item in made if item.trouble]
        if failed:
            messages.warning(request, f"Collected again; this could not be: {', '.join(failed)}.")
        else:
            messages.success(request, "The evidence was collected again.")
    return redirect(evidence_tab(found))


@require_GET
def export(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """Every fact of every piece, the superseded ones too, as CSV."""
    found = find_request(viewer_of(request), number)
    exported(request, f"evidence of R-{number}")
    rows = EvidenceItem.objects.filter(request=found).select_related("collected_by", "superseded_by", "request")
    return csv_response(f"evidence-R-{number}.csv", HEAD, _lines(found, in_batches(rows)))


def evidence_tab(found: Request) -> str:
    """The address of the part of the page."""
    return f"{found.get_absolute_url()}?tab=evidence"


def _lines(found: Request, items: Iterator[EvidenceItem]) -> Iterator[tuple[object, ...]]:
    for item in items:
        about = (
            f"{item.collected_at:%Y-%m-%d %H:%M:%S}",
            str(item.collected_by or "Atrium"),
            f"{item.expires_at:%Y-%m-%d %H:%M:%S}" if item.expires_at else "",
            "yes" if hasattr(item, "superseded_by") else "no",
            item.sha256,
        )
        of = (f"R-{found.number}", item.name, item.kind, item.source)
        for fact in item.facts:
            yield (*of, fact["name"], fact["value"], fact["source"], fact["as_of"], *about)
        if not item.facts:
            yield (*of, "", item.trouble or item.text or item.link, "", "", *about)
