"""A request as the control-plane API tells it to one person."""

from __future__ import annotations

from typing import Any

from approvals import serializers as s
from approvals.evidence.standing import standing
from approvals.listing import with_reviews
from approvals.scoping import requests_for
from refusals.errors import Missing
from tenants.models import User


def document_of(number: int, viewer: User) -> Any:
    """The request with `number` as the API tells it to `viewer`. Raises `Missing`."""
    found = (
        with_reviews(requests_for(viewer))
        .select_related("decision")
        .prefetch_related("revisions")
        .filter(number=number)
        .first()
    )
    if found is None:
        raise Missing(f"There is no request R-{number}, or it is not yours to see.")
    record = found.decision.record if hasattr(found, "decision") else None
    evidence = standing(found, record).facts
    return s.RequestDetailSerializer(found, context={"viewer": viewer, "evidence": evidence}).data
