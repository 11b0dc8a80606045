"""Documents on the page of a request: attach them, download one, take back what one attached.

What is downloaded is never shown by the browser itself, whatever is in it: it is sent as a file to be kept.
"""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from approvals.attachments.attaching import (
    AttachedAlready,
    TooManyDocuments,
    attach,
    hand_out,
    refuse_closed,
    take_back,
)
from approvals.attachments.tables import Attachment
from approvals.evidence.collecting import EvidenceIsFrozen
from approvals.models import Request
from approvals.scoping import find_request
from approvals.viewer import viewer_of
from approvals.views.evidence import evidence_tab
from refusals.errors import Invalid, Missing
from tenants.models import User
from ui.streaming import StreamsUnderAsgi


@require_POST
def add(request: HttpRequest, number: int) -> HttpResponse:
    """Attach the files that were chosen; each by itself, so that one that is refused does not keep the others out."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    refuse_closed(found)
    files = request.FILES.getlist("file")
    if not files:
        messages.warning(request, "Choose a file first.")
    for file in files:
        try:
            made = attach(request=found, name=file.name or "document", file=file, by=viewer)
        except (Invalid, AttachedAlready, TooManyDocuments, EvidenceIsFrozen) as refusal:
            messages.error(request, f"{file.name}: {refusal.sentence}")
        else:
            messages.success(request, f"{made.name} is attached.")
    return redirect(evidence_tab(found))


@require_GET
def download(request: HttpRequest, number: int, document_id: UUID) -> StreamsUnderAsgi:
    """One document."""
    viewer = viewer_of(request)
    return as_file(find_document(viewer, number, document_id), viewer)


@require_POST
def remove(request: HttpRequest, number: int, document_id: UUID) -> HttpResponse:
    """Take back what one attached."""
    viewer = viewer_of(request)
    document = find_document(viewer, number, document_id)
    take_back(document=document, by=viewer)
    messages.success(request, f"{document.name} is taken back.")
    return redirect(evidence_tab(document.request))


def find_document(viewer: User, number: int, key: UUID | str) -> Attachment:
    """The document of a request that `viewer` may see. Raises `Missing`."""
    found: Request = find_request(viewer, number)
    document = found.attachments.filter(pk=key).select_related("uploaded_by").first()
    if document is None:
        raise Missing("There is no such document on this request.")
    document.request = found
    return document


def as_file(document: Attachment, viewer: User) -> StreamsUnderAsgi:
    """A download that no browser shows or runs in the portal's place."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "Content-Length": str(document.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    content = hand_out(document=document, by=viewer)
    return StreamsUnderAsgi(content, content_type="application/octet-stream", headers=headers)
