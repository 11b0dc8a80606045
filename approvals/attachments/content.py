"""The content of a document: encrypted piece by piece under its request's key, and read the same way.

Each request has a key for its documents, kept encrypted with the installation's keys (`tenants.credentials`, which
rotate). Each piece of a file is encrypted with AES-256-GCM (NIST SP 800-38D) under a key of the file's own, made from
the request's by HMAC-SHA-256 (RFC 2104); file and position are authenticated with it, so that no piece opens elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from approvals.attachments.tables import Attachment, AttachmentPart, DocumentKey
from approvals.models import Request
from audit.record import record
from refusals import Refusal
from tenants import data_keys

PIECE = 1 << 20
_NONCE = 12


class DocumentUnreadable(Refusal):
    """It does not open: its key is not the one that it was encrypted with, or it was changed."""

    code = "document_unreadable"
    status = 409
    title = "This document cannot be opened"


def keep(file: Attachment, content: Iterable[bytes]) -> None:
    """Encrypt and keep `content`, which comes in pieces of at most `PIECE`."""
    cipher = _cipher(file, _secret(file.request, make=True))
    for position, piece in enumerate(content):
        nonce = os.urandom(_NONCE)
        sealed = nonce + cipher.encrypt(nonce, piece, _about(file, position))
        AttachmentPart.objects.create(attachment=file, position=position, sealed=sealed)


def pieces(file: Attachment) -> Iterator[bytes]:
    """The content in pieces; never all of it in memory. Raises `DocumentUnreadable`, at the end also where a piece is
    missing or the whole is not what its SHA-256 says."""
    cipher = _cipher(file, _secret(file.request, make=False))
    seen, position = hashlib.sha256(), 0
    while (part := AttachmentPart.objects.filter(attachment=file, position=position).first()) is not None:
        sealed = bytes(part.sealed)
        try:
            piece = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _about(file, position))
        except InvalidTag as error:
            raise DocumentUnreadable(f"{file.name} was changed after it was kept, so it is not handed out.") from error
        seen.update(piece)
        yield piece
        position += 1
    if seen.hexdigest() != file.sha256:
        raise DocumentUnreadable(f"{file.name} is not whole any more: its SHA-256 is not the one that it came with.")


def _secret(request: Request, *, make: bool) -> bytes:
    key = DocumentKey.objects.filter(request=request).first()
    if key is None and make:  # whoever attaches holds the request's lock
        key = DocumentKey.objects.create(request=request, wrapped=data_keys.new_wrapped())
    if key is None:
        raise DocumentUnreadable("The key of these documents is gone, so they cannot be opened any more.")
    try:
        return data_keys.unwrapped(bytes(key.wrapped))
    except InvalidToken as error:
        raise DocumentUnreadable(
            "The key of these documents cannot be opened: the platform team has to add the one that it is kept under to"
            " ATRIUM_CREDENTIAL_KEYS again."
        ) from error


def _cipher(file: Attachment, secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, b"document " + file.pk.bytes, "sha256"))


def _about(file: Attachment, position: int) -> bytes:
    return file.pk.bytes + position.to_bytes(4, "big")


@transaction.atomic
def rotate_document_keys(*, by: Any) -> tuple[int, int]:
    """Encrypt every request's key of documents again with the newest of `ATRIUM_CREDENTIAL_KEYS`: how many, and how
    many were passed over because no key of the installation opens them. The documents stay as they are."""
    count, lost = data_keys.rotate(DocumentKey.objects.all())
    if count or lost:
        record(
            "documents.key_rotated", by=by, subject_kind="request", subject_label="every request with documents",
            count=count, passed_over=lost,
        )  # fmt: skip
    return count, lost
