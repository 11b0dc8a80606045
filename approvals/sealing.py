"""How a decision is frozen: its record in canonical form, the hash over it, and the check that both still agree.

Canonical JSON: keys sorted, no spaces, UTF-8 unescaped; numbers are integers or text: the same bytes anywhere.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit.models import Entry

if TYPE_CHECKING:
    from approvals.models import Decision


def canonical(record: dict[str, Any]) -> bytes:
    """The bytes that are hashed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(record: dict[str, Any]) -> str:
    """SHA-256 (FIPS 180-4) of the canonical form, 64 hexadecimal characters."""
    return hashlib.sha256(canonical(record)).hexdigest()


def storable(value: Any) -> Any:
    """`value` in a form that the database gives back as it was: no floats, no keys but text, nothing but JSON."""
    if isinstance(value, dict):
        return {str(key): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


@dataclass(frozen=True)
class Verification:
    """Whether a decision is as it was made: its record fits its hash, and the audit was told the same hash."""

    computed: str
    fits_record: bool
    fits_audit: bool

    @property
    def is_intact(self) -> bool:
        return self.fits_record and self.fits_audit


def verify(decision: Decision) -> Verification:
    """Compute the hash anew and compare it with the decision's and with the one in the audit's entry."""
    computed = hash_of(decision.record)
    told = Entry.objects.filter(subject_kind="request", subject_id=str(decision.request_id), facts__hash=decision.hash)
    return Verification(computed, computed == decision.hash, told.exists())
