"""Attach documents to a request, and take back what one attached: while it is open, within bounds."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from itertools import chain
from typing import IO

from django.db import transaction
from django.db.models import Sum

from approvals.attachments.content import PIECE, keep, pieces
from approvals.attachments.recognising import ENDINGS, recognise
from approvals.attachments.tables import Attachment
from approvals.deciders import is_before
from approvals.evidence.collecting import open_request
from approvals.models import Request, Review
from approvals.scoping import requests_for
from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.models import User
from tenants.uploads import LARGEST_FILE
from ui.connections import connectionless

MOST_FILES = 50
MOST_BYTES = 100 * 2**20  # of all documents of a request
LONGEST_NAME = 120
LONGEST_NAME_IN_BYTES = 240  # in UTF-8: file systems take 255


class DocumentTooLarge(Invalid):
    code = "document_too_large"


class TooManyDocuments(Conflict):
    code = "too_many_documents"
    title = "This request has enough documents"


class AttachedAlready(Conflict):
    code = "attached_already"
    title = "This is attached already"


class NotTheirs(Forbidden):
    code = "not_the_uploader"
    title = "This is not yours to take back"


class IsEvidence(Conflict):
    code = "document_is_evidence"
    title = "This document is evidence"


@transaction.atomic
def attach(*, request: Request, name: str, file: IO[bytes], by: User) -> Attachment:
    """Keep `file` with `request`, encrypted. Its kind is told by its content, its name is made harmless.

    Raises `Missing`, `KindNotTaken`, `ArchiveNotTaken`, `DocumentTooLarge`, `AttachedAlready`, `TooManyDocuments`,
    `EvidenceIsFrozen`, and `TenantArchived` or `ProjectArchived` where the request was asked in one.
    """
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")
    refuse_closed(request)
    size, sha256 = _measured(file)
    media_type = recognise(file)
    locked = open_request(request)
    same = locked.attachments.filter(sha256=sha256).first()
    if same is not None:
        raise AttachedAlready(f"The very same content is attached already, as {same.name}.", document=str(same.pk))
    held = locked.attachments.aggregate(bytes=Sum("size"))["bytes"] or 0
    if locked.attachments.count() >= MOST_FILES or held + size > MOST_BYTES:
        raise TooManyDocuments(
            f"A request takes {MOST_FILES} documents of {MOST_BYTES // 2**20} MB together; R-{locked.number} holds"
            f" {locked.attachments.count()} of {held / 2**20:.1f} MB. Take one back, or give its address as evidence.",
            way_out=f"{locked.get_absolute_url()}?tab=evidence",
        )
    made = Attachment.objects.create(
        request=locked, name=harmless(name, media_type), media_type=media_type, size=size, sha256=sha256, uploaded_by=by
    )
    keep(made, _read(file))
    record(
        "document.attached",
        by=by,
        subject=locked,
        tenant=locked.tenant.slug if locked.tenant else "",
        document=str(made.pk),
        name=made.name,
        media_type=media_type,
        bytes=size,
        sha256=sha256,
    )
    return made


def refuse_closed(request: Request) -> None:
    """Raise why nobody may attach anything: `TenantArchived` or `ProjectArchived`, where it was asked in one."""
    if request.tenant is not None:
        refuse_archived(request.tenant, request.environment.project if request.environment else None)


@transaction.atomic
def take_back(*, document: Attachment, by: User) -> None:
    """Remove a document: one's own, or any of them as who asked or decides, since they share one bound.

    Raises `NotTheirs`, `IsEvidence`, `EvidenceIsFrozen`, and `TenantArchived` or `ProjectArchived` where the request
    was asked in one.
    """
    if document.uploaded_by_id != by.pk and not clears_documents(document.request, by):
        raise NotTheirs(f"{document.uploaded_by} attached it; only they, who asked and who decides can take it back.")
    refuse_closed(document.request)
    locked = open_request(document.request)
    if document.evidence_items.exists():
        raise IsEvidence("It was given as evidence, and evidence stays. Give a newer version of it instead.")
    key = str(document.pk)
    document.delete()
    record(
        "document.taken_back",
        by=by,
        subject=locked,
        tenant=locked.tenant.slug if locked.tenant else "",
        document=key,
        name=document.name,
        sha256=document.sha256,
    )


def clears_documents(request: Request, viewer: User) -> bool:
    """Whether they take back what others attached: they asked for it, or decide on it now."""
    opened = [review for review in request.reviews.all() if review.outcome == Review.Outcome.OPEN]
    return request.requester_id == viewer.pk or any(is_before(review, viewer) for review in opened)


@transaction.atomic
def hand_out(*, document: Attachment, by: User) -> Iterator[bytes]:
    """The content, to be sent piece by piece; that it was handed out is written down. Raises `DocumentUnreadable`."""
    request = document.request
    record(
        "document.downloaded",
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        document=str(document.pk),
        name=document.name,
        sha256=document.sha256,
    )
    content = pieces(document)
    first = next(content, b"")  # what does not open is refused before anything is sent
    return connectionless(chain([first], content))


def harmless(name: str, media_type: str) -> str:
    """`name` without folders, control and direction characters, and with an ending of what it really is."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(each for each in unicodedata.normalize("NFC", last) if unicodedata.category(each)[0] != "C")
    kept = " ".join("".join("_" if each in '<>:"|?*;%' else each for each in kept).split()).strip(". ")
    endings = ENDINGS[media_type]
    stem, ending = kept, endings[0]
    for each in endings:
        if kept.casefold().endswith(each):
            stem, ending = kept[: -len(each)], each
    stem = stem.strip(". ")[: LONGEST_NAME - len(ending)]
    stem = stem.encode()[: LONGEST_NAME_IN_BYTES - len(ending)].decode(errors="ignore").strip(". ")
    return f"{stem or 'document'}{ending}"


def _measured(file: IO[bytes]) -> tuple[int, str]:
    seen, size = hashlib.sha256(), 0
    for piece in _read(file):
        seen.update(piece)
        size += len(piece)
        if size > LARGEST_FILE:
            raise DocumentTooLarge(f"A document may have {LARGEST_FILE // 2**20} MB at most.", field="file")
    return size, seen.hexdigest()


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
