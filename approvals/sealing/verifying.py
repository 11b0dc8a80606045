"""Whether a decision is as it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from approvals.sealing.canonical import hash_of
from audit.models import Entry

if TYPE_CHECKING:
    from approvals.models import Decision


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
