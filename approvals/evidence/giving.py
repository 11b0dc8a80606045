"""Give evidence on a request: a text or a link, with where it is from and until when it holds."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from approvals.attachments.tables import Attachment
from approvals.evidence.collecting import open_request
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.scoping import requests_for
from audit.record import record
from refusals.errors import Conflict, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.models import User

MAX_NAME, MAX_SOURCE, MAX_TEXT, MAX_LINK = 120, 200, 20_000, 2000
MOST_GIVEN = 100  # pieces of people's evidence on one request


class EvidenceNotUnderstood(Invalid):
    code = "evidence_not_understood"


class TooMuchEvidence(Conflict):
    code = "too_much_evidence"
    title = "This request has enough evidence"


@transaction.atomic
def give(
    *,
    request: Request,
    name: str,
    by: User,
    source: str = "",
    text: str = "",
    link: str = "",
    document: Attachment | None = None,
    expires_on: dt.date | None = None,
    supersedes: EvidenceItem | None = None,
) -> EvidenceItem:
    """Add a piece of evidence that `by` answers for: a `text`, a `link`, an attached `document`, with or without words.
    It holds until the end of `expires_on` (UTC); a newer version of what a person gave names it as `supersedes`.

    Raises `Missing`, `EvidenceNotUnderstood`, `EvidenceIsFrozen`, `TooMuchEvidence`, and `TenantArchived` or
    `ProjectArchived` where the request was asked in one.
    """
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")
    if request.tenant is not None:
        refuse_archived(request.tenant, request.environment.project if request.environment else None)
    name, source = _line(name, "name", MAX_NAME), _line(source, "source", MAX_SOURCE)
    text, link = text.replace("\x00", "").strip(), link.strip()
    if not name:
        raise EvidenceNotUnderstood("Give it a name by which the reviewers find it.", field="name")
    if not text and not link and document is None:
        raise EvidenceNotUnderstood(
            "Write what it says, give its address, or attach and name a document.", field="text"
        )
    if document is not None and (document.request_id != request.pk or link):
        raise EvidenceNotUnderstood("Name a document of this request, without an address beside it.", field="document")
    if len(text) > MAX_TEXT:
        raise EvidenceNotUnderstood(f"Keep it under {MAX_TEXT:,} characters; this has {len(text):,}.", field="text")
    if link:
        _refuse_address(link)
    now = timezone.now()
    if expires_on is not None and expires_on < now.date():
        raise EvidenceNotUnderstood("It would be stale already. Name a day that is still to come.", field="expires_on")
    locked = open_request(request)
    if locked.evidence_items.filter(collector="").count() >= MOST_GIVEN:
        raise TooMuchEvidence(
            f"R-{locked.number} holds {MOST_GIVEN} pieces of evidence from people, which is the most."
        )
    if supersedes is not None:
        _refuse_superseded(supersedes, locked)
    item = EvidenceItem(
        request=locked,
        kind=_kind(link, document),
        name=name,
        source=source or str(by),
        text=text,
        link=link,
        document=document,
        document_sha256=document.sha256 if document else "",
        collected_at=now,
        collected_by=by,
        expires_at=dt.datetime.combine(expires_on, dt.time.max, dt.UTC) if expires_on else None,
        supersedes=supersedes,
    )
    item.sha256 = item.computed()
    item.save(force_insert=True)
    record(
        "evidence.given",
        by=by,
        subject=locked,
        tenant=locked.tenant.slug if locked.tenant else "",
        evidence=str(item.pk),
        name=name,
        sha256=item.sha256,
    )
    return item


def _kind(link: str, document: Attachment | None) -> EvidenceItem.Kind:
    if document is not None:
        return EvidenceItem.Kind.DOCUMENT
    return EvidenceItem.Kind.LINK if link else EvidenceItem.Kind.TEXT


def _line(text: str, field: str, most: int) -> str:
    line = " ".join(text.replace("\x00", "").split())
    if len(line) > most:
        raise EvidenceNotUnderstood(f"Keep it under {most} characters; this has {len(line):,}.", field=field)
    return line


def _refuse_address(link: str) -> None:
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not link.isprintable() or " " in link:
        raise EvidenceNotUnderstood("Give a whole address, as https://example.com/terms.", field="link")
    if len(link) > MAX_LINK:
        raise EvidenceNotUnderstood(f"Keep the address under {MAX_LINK:,} characters.", field="link")


def _refuse_superseded(item: EvidenceItem, request: Request) -> None:
    if item.request_id != request.pk or item.collector:
        raise EvidenceNotUnderstood("Only what a person gave on this request is given anew.", field="supersedes")
    if EvidenceItem.objects.filter(supersedes=item).exists():
        raise EvidenceNotUnderstood("There is a newer version of it already. Reload to see it.", field="supersedes")
