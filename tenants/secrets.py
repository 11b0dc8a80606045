"""How secrets that we hand out are made, recognised and kept: never in clear, compared in constant time.

Form: `atrium_<kind>_<id>_<secret><checksum>`; `id` 12 and `secret` 32 characters of base 62 (190 bits), `checksum` the
CRC-32 of everything before it as 6 characters of base 62, so that a scanner can tell a real one from look-alikes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class NewSecret(NamedTuple):
    """`text` is shown once, `prefix` may be shown always, `secret_hash` is kept."""

    text: str
    prefix: str
    secret_hash: str


def make(kind: str) -> NewSecret:
    """A new secret of `kind` (`dev`, `test`, `prod`, `pat`)."""
    prefix = f"atrium_{kind}_{_random(12)}"
    body = f"{prefix}_{_random(32)}"
    text = body + checksum(body)
    return NewSecret(text, prefix, keyed_hash(text))


def prefix_of(text: str) -> str | None:
    """The prefix of a well-formed secret, else None (wrong form or checksum): a cheap test before any look-up."""
    prefix, _, secret = text.rpartition("_")
    if not text.startswith("atrium_") or len(secret) != 38 or prefix.count("_") != 2:
        return None
    return prefix if hmac.compare_digest(checksum(text[:-6]), text[-6:]) else None


def keyed_hash(text: str) -> str:
    """HMAC-SHA256 (RFC 2104) of the secret under a key derived from the secret key; 64 hexadecimal characters."""
    return hmac.digest(pepper(), text.encode(), "sha256").hex()


def pepper() -> bytes:
    """The key under which secrets are hashed, 32 bytes."""
    return _pepper(settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _pepper(secret_key: str) -> bytes:
    return hashlib.sha256(b"atrium api keys" + secret_key.encode()).digest()


def checksum(body: str) -> str:
    """CRC-32 (ISO 3309) of `body` in base 62, 6 characters."""
    value, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        text = ALPHABET[digit] + text
    return text


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
