"""What the seal of a decision says, and how it is signed and verified. Nothing here needs Django or a database.

The signed bytes are the canonical form (`canonical`) of a small object; the signature is Ed25519 (RFC 8032), so that
`openssl pkeyutl -verify -rawin` verifies it. A key is called by the beginning of the SHA-256 of its 32 public bytes.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from approvals.sealing.canonical import canonical, hash_of

FORM = "atrium seal 1"


class NotAKey(ValueError):
    """What was given is no Ed25519 key."""


@dataclass(frozen=True)
class Statement:
    """A decision's place in the chain. `previous_hash` is the SHA-256 of the statement before; the first has none.

    `parts` has the SHA-256 of each part of the record, so that of a changed record the part can be named.
    """

    sequence: int
    decision: str
    record_sha256: str
    parts: Mapping[str, str]
    is_demonstration: bool
    previous_hash: str
    sealed_at: dt.datetime
    key: str

    def as_json(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "form": FORM,
            "sequence": self.sequence,
            "decision": self.decision,
            "record_sha256": self.record_sha256,
            "parts": dict(self.parts),
            "is_demonstration": self.is_demonstration,
            "previous_hash": self.previous_hash,
            "sealed_at": self.sealed_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            "key": self.key,
        }

    @property
    def content(self) -> bytes:
        """The bytes that are signed."""
        return canonical(self.as_json())

    @property
    def hash(self) -> str:
        """SHA-256 of the signed bytes, on which the next statement follows."""
        return hashlib.sha256(self.content).hexdigest()


def parts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of each part of a record, in canonical form."""
    return {str(name): hash_of(value) for name, value in record.items()}


def changed_parts(record: Mapping[str, Any], parts: Mapping[str, str]) -> list[str]:
    """The names of the parts of `record` that are not as they were sealed, were added or are gone."""
    now = parts_of(record)
    return sorted(name for name in {*now, *parts} if now.get(name) != parts.get(name))


def private_key(text: str) -> Ed25519PrivateKey:
    """The key of a configured seed: 32 bytes in URL-safe base64. Raises `NotAKey`."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError) as error:
        raise NotAKey("A key of decisions is 32 bytes in base64, as `atrium decision new-key` makes it.") from error


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """Its 32 public bytes in base64."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return base64.b64encode(public.public_bytes_raw()).decode()


def public_key(text: str) -> Ed25519PublicKey:
    """The public key of 32 bytes in base64, or in PEM. Raises `NotAKey`."""
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.encode())
            if isinstance(key, Ed25519PublicKey):
                return key
            raise NotAKey("This is a key, but not one of Ed25519.")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise NotAKey("This is no public key of Ed25519: neither PEM nor 32 bytes in base64.") from error


def pem_of(text: str) -> str:
    """A public key in PEM (RFC 8410), as openssl reads it."""
    return public_key(text).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(public: str) -> str:
    """What a public key (PEM or base64) is called: 16 hexadecimal characters. Raises `NotAKey`."""
    return hashlib.sha256(public_key(public).public_bytes_raw()).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, content: bytes) -> str:
    """The signature over `content`, in base64."""
    return base64.b64encode(key.sign(content)).decode()


def is_signed(public: str, content: bytes, signature: str) -> bool:
    """Whether `signature` (base64) over `content` was made with the key of `public` (base64 or PEM)."""
    try:
        public_key(public).verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, NotAKey, binascii.Error, ValueError):
        return False
    return True
