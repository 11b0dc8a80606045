"""A decision: one page to print, its seal computed anew at every view, and the bytes behind it."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.evidence.standing import standing
from approvals.models import Decision
from approvals.scoping import decisions_for
from approvals.sealing.archive import archive_name, archive_of
from approvals.sealing.canonical import canonical
from approvals.sealing.keys import known_keys
from approvals.sealing.since import since
from approvals.sealing.verifying import verify, with_everything
from approvals.subjects import kind_of
from approvals.viewer import viewer_of
from audit.exporting import exported
from refusals.errors import Missing
from ui.connections import connectionless
from ui.streaming import StreamsUnderAsgi


@require_GET
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """What, who, when, on which evidence, under which policy."""
    found = _find(request, decision_id)
    context = {
        "decision": found,
        "record": found.record,
        "kind": kind_of(found.request.subject_kind),
        "evidence": standing(found.request, found.record),
        "since": since(found),
        "came_of": kind_of(found.request.subject_kind).came_of(found),
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


@require_GET
def archive(request: HttpRequest, decision_id: UUID) -> StreamsUnderAsgi:
    """Everything in one file that verifies offline."""
    return as_archive(request, _find(request, decision_id))


def as_archive(request: HttpRequest, found: Decision) -> StreamsUnderAsgi:
    """The archive of a decision as a download. That it was taken is written down."""
    content = archive_of(found)
    exported(request, f"the decision on R-{found.request.number}", form="Archive")
    headers = {
        "Content-Disposition": f'attachment; filename="{archive_name(found)}"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamsUnderAsgi(connectionless(content), content_type="application/zip", headers=headers)


@login_not_required
@require_GET
def keys(request: HttpRequest) -> JsonResponse:
    """The public keys of this installation: what `atrium decision verify --key` reads. They are no secret."""
    told = [
        {
            "id": key.id,
            "algorithm": "Ed25519",
            "public": key.public,
            "pem": key.pem,
            "since": key.since,
            "last_used": key.last_used,
            "is_current": key.is_current,
        }
        for key in known_keys()
        if key.is_ours
    ]
    return JsonResponse({"form": "atrium decision keys 1", "keys": told})


def _find(request: HttpRequest, decision_id: UUID) -> Decision:
    rows = with_everything(decisions_for(viewer_of(request)))
    found = rows.filter(pk=decision_id).select_related("request__environment__project", "request__requester").first()
    if found is None:
        raise Missing("There is no such decision, or it is not yours to see.")
    return found
