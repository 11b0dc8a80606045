"""Keys of 32 bytes with which one tenant's or one request's content is encrypted, each kept encrypted itself with those
of the installation (`tenants.credentials`): to forget one is to forget all that it opens."""

from __future__ import annotations

import os
from typing import Any

from cryptography.fernet import InvalidToken
from django.db.models import QuerySet

from tenants.credentials import decrypt, encrypt, rotated


def new_wrapped() -> bytes:
    """A new key as it is kept."""
    return encrypt(os.urandom(32).hex())


def unwrapped(wrapped: bytes) -> bytes:
    """The key, 32 bytes. Raises `cryptography.fernet.InvalidToken` when no key of the installation opens it."""
    try:
        return bytes.fromhex(decrypt(wrapped))
    except ValueError as error:
        raise InvalidToken from error


def rotate(rows: QuerySet[Any]) -> tuple[int, int]:
    """Encrypt the `wrapped` of each of `rows` again with the newest key of the installation, in the caller's
    transaction: how many, and how many were passed over because no key opens them. What they encrypt stays as it is."""
    count = lost = 0
    for key in rows.select_for_update().order_by("pk"):
        try:
            key.wrapped = rotated(bytes(key.wrapped))
        except InvalidToken:  # the others are none the worse for it
            lost += 1
            continue
        key.save(update_fields=["wrapped"])
        count += 1
    return count, lost
