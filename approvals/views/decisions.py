"""The list of decisions, as a page and as CSV; and whether all of them are as they were made."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from approvals.decisions import HOLDS, OUTCOMES, AskedDecisions, find_decisions
from approvals.models import Decision, DecisionVerification, Seal
from approvals.scoping import decisions_for
from approvals.sealing.keys import known_keys
from approvals.sealing.printing import name_of_policy
from approvals.sealing.verifications import SEES_ALL, require_auditor, start
from approvals.subjects import kind_of, kinds
from approvals.viewer import viewer_of
from audit.exporting import exported
from ui.exporting import csv_response, in_batches

PAGE_SIZE = 50
SHOWN_RUNS = 20
HEAD = (
    "number", "title", "kind", "tenant", "environment", "asked by", "outcome", "state now",
    "decided (UTC)", "valid until (UTC)", "policy", "approved by", "evidence", "SHA-256",
)  # fmt: skip


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """The decisions that the person may see, by their filters."""
    viewer, asked = viewer_of(request), AskedDecisions.read(request.GET)
    page = Paginator(find_decisions(viewer, asked), PAGE_SIZE).get_page(request.GET.get("page"))
    sealed = dict(Seal.objects.filter(decision__in=[row.pk for row in page]).values_list("decision", "sequence"))
    context = {
        "asked": asked,
        "page": page,
        "rows": [(row, kind_of(row.request.subject_kind).name, sealed.get(row.pk)) for row in page],
        "outcomes": OUTCOMES.items(),
        "holds": HOLDS.items(),
        "kinds": kinds(),
        "any": page.paginator.count or decisions_for(viewer).exists(),
        "may_verify": viewer.has_perm(SEES_ALL),
    }
    return render(request, "approvals/decisions.html", context)


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows, all of them, as CSV. A filter that means nothing is refused, as the file would hold more."""
    rows = find_decisions(viewer_of(request), AskedDecisions.read(request.GET, strict=True))
    exported(request, "decisions")
    return csv_response("decisions.csv", HEAD, (_line(row) for row in in_batches(rows)))


@require_http_methods(["GET", "POST"])
def verification(request: HttpRequest) -> HttpResponse:
    """The runs over all decisions, the latest with what it found; and start another."""
    viewer = viewer_of(request)
    require_auditor(viewer)
    if request.method == "POST":
        start(by=viewer)
        messages.success(request, "The decisions are being verified; the result is shown here.")
        return redirect("approvals:decision-verification")
    runs = list(DecisionVerification.objects.all()[:SHOWN_RUNS])
    context = {
        "latest": runs[0] if runs else None,
        "runs": runs,
        "keys": known_keys(),
        "waits": bool(runs) and runs[0].finished_at is None,
    }
    return render(request, "approvals/verification.html", context)


def _line(row: Decision) -> tuple[object, ...]:
    asked, record = row.request, row.record
    votes = [vote for review in record["reviews"] for vote in review["votes"]]
    policy = record.get("policy")
    return (
        f"R-{asked.number}",
        asked.title,
        kind_of(asked.subject_kind).name,
        record["request"]["tenant"],
        record["request"]["environment"],
        record["request"]["requester"]["username"],
        row.outcome,
        asked.get_state_display(),
        f"{row.decided_at:%Y-%m-%d %H:%M:%S}",
        f"{row.valid_until:%Y-%m-%d %H:%M:%S}" if row.valid_until else "",
        f"{name_of_policy(policy)} v{policy['version']}" if policy else "",
        ", ".join(vote["voter"]["username"] for vote in votes if vote["verdict"] == "approve"),
        ", ".join(item["name"] for item in record.get("evidence_items", ())),
        row.hash,
    )
