"""What of the subject of a decision is not as it was decided on: its fingerprint now against the sealed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from approvals.models import Decision
from approvals.sealing.record import fingerprint_of
from approvals.subjects import kind_of, only_what_was_asked


@dataclass(frozen=True)
class Change:
    """A field of what was decided on: as it was, and as it is; None where there is none."""

    name: str
    then: Any
    now: Any


@dataclass(frozen=True)
class Since:
    """What changed. Not known: it is older than fingerprints, or its kind has none of its own."""

    is_known: bool
    changes: tuple[Change, ...] = ()


def since(decision: Decision) -> Since:
    """The fields that differ, by their names."""
    sealed = decision.record.get("fingerprint")
    if sealed is None or kind_of(decision.request.subject_kind).fingerprint is only_what_was_asked:
        return Since(False)
    then, now = sealed["fields"], fingerprint_of(decision.request)
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    return Since(True, tuple(Change(name, then.get(name), now.get(name)) for name in changed))
