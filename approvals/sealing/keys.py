"""The keys that decisions are signed with: which one signs now, and which ever did.

`settings.DECISION_KEYS` holds the private ones, newest first: the first signs. Where there are none (a demonstration
that was never started, a test) one is derived from the secret key. A key that signed stays known by its public half for
ever, so that what it signed can be verified after it was replaced.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from approvals.sealing.seal import key_id, pem_of, private_key, public_text
from approvals.sealing.tables import DecisionKey, Seal
from audit.record import SYSTEM, record


@dataclass(frozen=True)
class KnownKey:
    """A key that signs or signed: `since` its first use, `last_used` its latest; None before any."""

    id: str
    public: str
    since: dt.datetime | None
    last_used: dt.datetime | None
    is_current: bool
    is_ours: bool

    @property
    def pem(self) -> str:
        """Its public half as openssl reads it."""
        return pem_of(self.public)


def signing_key() -> Ed25519PrivateKey:
    """The key that signs now."""
    return private_key(settings.DECISION_KEYS[0]) if settings.DECISION_KEYS else _derived(settings.SECRET_KEY)


def noted(key: Ed25519PrivateKey) -> str:
    """What `key` is called; its public half is written down at its first use. Within the caller's transaction, which
    holds the lock of the chain."""
    public = public_text(key)
    name = key_id(public)
    if not DecisionKey.objects.filter(pk=name).exists():
        DecisionKey.objects.create(pk=name, public=public, mac=_code(name, public, settings.SECRET_KEY))
    return name


def known_keys() -> list[KnownKey]:
    """Every key that signs or ever signed, the present one first."""
    public = public_text(signing_key())
    now = key_id(public)
    last = dict(Seal.objects.order_by().values_list("key").annotate(last=Max("sealed_at")))
    rows = list(DecisionKey.objects.all())
    found = [KnownKey(row.pk, row.public, row.since, last.get(row.pk), row.pk == now, is_ours(row)) for row in rows]
    if now not in {row.pk for row in rows}:
        found.append(KnownKey(now, public, None, None, True, True))
    return sorted(found, key=lambda key: not key.is_current)


def is_ours(row: DecisionKey) -> bool:
    """Whether this installation wrote the key down, and neither name nor public half were changed since."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(row.mac, _code(row.pk, row.public, key)) for key in keys)


@transaction.atomic
def renew_codes(*, by: Any = SYSTEM) -> int:
    """Make the codes of our keys anew that an earlier secret key made, while it is known; how many. Once that is
    dropped from `SECRET_KEY_FALLBACKS`, a code that was not renewed is foreign."""
    renewed = []
    for row in DecisionKey.objects.select_for_update().order_by("pk"):
        code = _code(row.pk, row.public, settings.SECRET_KEY)
        if row.mac != code and is_ours(row):
            row.mac = code
            row.save(update_fields=["mac"])
            renewed.append(row.pk)
    if renewed:
        record(
            "decisions.keys_renewed", by=by, subject_kind="decision", subject_label="keys that sign decisions",
            keys=renewed,
        )  # fmt: skip
    return len(renewed)


def _code(name: str, public: str, secret_key: str) -> str:
    """HMAC-SHA256 (RFC 2104) under a key derived from the secret key."""
    key = hashlib.sha256(b"atrium decision key" + secret_key.encode()).digest()
    return hmac.new(key, f"{name} {public}".encode(), "sha256").hexdigest()


def _derived(secret: str) -> Ed25519PrivateKey:
    """A key from the secret key (HKDF, RFC 5869)."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"atrium decisions")
    return Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))
