"""A decision: one page to print, its seal computed anew at every view, and the bytes behind it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.models import Decision
from approvals.scoping import decisions_for
from approvals.sealing.canonical import canonical
from approvals.sealing.verifying import verify
from approvals.subjects import kind_of
from approvals.viewer import viewer_of
from refusals.errors import Missing


@require_GET
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """What, who, when, on which evidence, under which policy."""
    found = _find(request, decision_id)
    context = {
        "decision": found,
        "record": found.record,
        "kind": kind_of(found.request.subject_kind),
        "seal": verify(found),
    }
    return render(request, "approvals/decision.html", context)


@require_GET
def record(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """The frozen record as the very bytes that are hashed: `sha256sum` of the file is the decision's hash."""
    found = _find(request, decision_id)
    return HttpResponse(
        canonical(found.record),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="decision-R-{found.request.number}.json"'},
    )


def _find(request: HttpRequest, decision_id: UUID) -> Decision:
    found = decisions_for(viewer_of(request)).filter(pk=decision_id).select_related("request__tenant").first()
    if found is None:
        raise Missing("There is no such decision, or it is not yours to see.")
    return found
