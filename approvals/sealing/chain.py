"""Seal decisions: each takes the next place in one chain over all tenants, follows on the seal before it, is signed.

The chain has one end, and so has the audit, which is written in the same transactions: one lock serves both.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from approvals.models import Decision
from approvals.sealing.keys import noted, signing_key
from approvals.sealing.seal import Statement, parts_of, sign
from approvals.sealing.tables import Seal
from audit.record import AUDIT_LOCK, SYSTEM, record


def seal(decision: Decision) -> Seal:
    """Seal `decision`, in the transaction that made it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AUDIT_LOCK])
    last = Seal.objects.order_by("-sequence").first()
    key = signing_key()
    statement = Statement(
        sequence=last.sequence + 1 if last else 1,
        decision=str(decision.pk),
        record_sha256=decision.hash,
        parts=parts_of(decision.record),
        is_demonstration=decision.is_demonstration,
        previous_hash=last.hash if last else "",
        sealed_at=timezone.now(),
        key=noted(key),
    )
    return Seal.objects.create(
        sequence=statement.sequence,
        decision=decision.pk,
        record_sha256=statement.record_sha256,
        parts=statement.parts,
        is_demonstration=statement.is_demonstration,
        previous_hash=statement.previous_hash,
        sealed_at=statement.sealed_at,
        key=statement.key,
        hash=statement.hash,
        signature=sign(key, statement.content),
    )


@transaction.atomic
def seal_unsealed(*, by: Any = SYSTEM) -> int:
    """Take into the chain what was decided before there was one, oldest first; how many. Their records stay as they
    are: the seal says what they are now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AUDIT_LOCK])
    rows = Decision.objects.filter(~Exists(Seal.objects.filter(decision=OuterRef("pk"))))
    keys = list(rows.order_by("decided_at", "pk").values_list("pk", flat=True))
    for key in keys:
        seal(Decision.objects.get(pk=key))
    if keys:
        record(
            "decisions.sealed", by=by, subject_kind="decision", subject_label="decisions made before there was a chain",
            count=len(keys),
        )  # fmt: skip
    return len(keys)
