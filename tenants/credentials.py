"""Encrypt and decrypt what the installation keeps secret, as the credentials of providers (Fernet). Keys rotate: the
first encrypts, all decrypt.

`settings.CREDENTIAL_KEYS` holds the keys, newest first. Where there are none (a demonstration that was never started, a
test) one is derived from the secret key; production refuses to start without keys (`portal.checks`).
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def encrypt(text: str) -> bytes:
    """`text` as a token that only this installation can read."""
    return _keys().encrypt(text.encode())


def decrypt(token: bytes) -> str:
    """What was encrypted. Raises `cryptography.fernet.InvalidToken` when no key fits."""
    return _keys().decrypt(bytes(token)).decode()


def rotated(token: bytes) -> bytes:
    """The same secret under the newest key."""
    return _keys().rotate(bytes(token))


def _keys() -> MultiFernet:
    keys: list[bytes | str] = [*settings.CREDENTIAL_KEYS] or [_derived(settings.SECRET_KEY)]
    return MultiFernet([Fernet(key) for key in keys])


def _derived(secret: str) -> bytes:
    """A key from the secret key (HKDF, RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"atrium provider credentials").derive(
        secret.encode()
    )
    return base64.urlsafe_b64encode(derived)
