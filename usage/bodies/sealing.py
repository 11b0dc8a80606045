"""Encrypt content and open it again.

Each tenant has a data key, kept encrypted with the installation's keys (`tenants.credentials`, which rotate). Content
is compressed (zlib, RFC 1950), then encrypted with AES-256-GCM (NIST SP 800-38D) under a key of its own, made from the
tenant's by HMAC-SHA-256 (RFC 2104), so that no two of them share one. The call, the tenant and the part are
authenticated with it: a row that is moved to another call, or between a prompt and an answer, does not open.
"""

from __future__ import annotations

import hmac
import os
import zlib
from typing import Literal
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from refusals import Refusal
from tenants import data_keys

type Part = Literal["prompt", "answer"]
_VERSION = b"\x01"
_NONCE = 12
_LEVEL = 6
LOST = (
    "The key of this tenant's content cannot be opened: the installation no longer has the key that it is kept under. "
    "The platform team has to add it to ATRIUM_CREDENTIAL_KEYS again."
)


class Unreadable(Refusal):
    """The content does not open: its key is not the one that it was encrypted with, or it was changed."""

    code = "content_unreadable"
    status = 409
    title = "This content cannot be opened"


def unwrapped(wrapped: bytes) -> bytes:
    """The data key, 32 bytes. Raises `Unreadable` when no key of the installation fits."""
    try:
        return data_keys.unwrapped(wrapped)
    except InvalidToken as error:
        raise Unreadable(LOST) from error


def seal(secret: bytes, tenant: UUID, call: UUID, part: Part, content: bytes) -> bytes:
    """`content`, compressed and encrypted with the tenant's data key `secret`."""
    about = _about(tenant, call, part)
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + _cipher(secret, about).encrypt(nonce, zlib.compress(content, _LEVEL), about)


def unseal(secret: bytes, tenant: UUID, call: UUID, part: Part, sealed: bytes) -> bytes:
    """What was sealed. Raises `Unreadable`."""
    about, sealed = _about(tenant, call, part), bytes(sealed)
    nonce, encrypted = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        if sealed[:1] != _VERSION:
            raise InvalidTag
        return zlib.decompress(_cipher(secret, about).decrypt(nonce, encrypted, about))
    except (InvalidTag, ValueError) as error:
        raise Unreadable(
            "The kept content of this call cannot be opened: it was changed, or its key is another one now."
        ) from error


def end_user_hash(secret: bytes, end_user: str) -> str:
    """What an end user's name is found by, under the tenant's data key; 64 hexadecimal characters."""
    return hmac.new(secret, b"end user " + end_user.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def _cipher(secret: bytes, about: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, b"content " + about, "sha256"))


def _about(tenant: UUID, call: UUID, part: Part) -> bytes:
    return tenant.bytes + call.bytes + part.encode()
