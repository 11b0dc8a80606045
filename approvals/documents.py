"""A request as the control-plane API tells it to one person."""

from __future__ import annotations

from typing import Any

from approvals import serializers as s
from approvals.listing import with_reviews
from approvals.scoping import requests_for
from approvals.subjects import Evidence, kind_of
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
    if hasattr(found, "decision"):
        evidence = list(found.decision.record["evidence"])
    else:
        collected = kind_of(found.subject_kind).evidence(found)
        evidence = [one.frozen() if isinstance(one, Evidence) else one for one in collected]
    return s.RequestDetailSerializer(found, context={"viewer": viewer, "evidence": evidence}).data
