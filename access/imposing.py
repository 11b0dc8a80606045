"""What deciders demand when they approve a request for access: kept beside it by each of them, and all of it together
with what was asked for becomes the conditions of the grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from access.conditions import NONE, Conditions, read
from access.models import Imposed
from approvals.models import Request
from approvals.subjects import Evidence
from audit.record import record
from tenants.models import User


def impose(request: Request, given: Mapping[str, Any], by: User) -> None:
    """Demand `given` of every call, in the vote's own transaction. Raises `Invalid`, also where nothing would be left
    that meets what was asked for and what others demand."""
    demanded = read(given)
    if demanded.is_empty:
        return
    together(request).narrowed(demanded)
    Imposed.objects.create(request=request, by=by, conditions=demanded.as_json())
    record(
        "conditions.imposed",
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        conditions=demanded.as_json(),
    )


def asked(request: Request) -> Conditions:
    """What the team asked for: it wants no more than that."""
    return read(request.facts.get("conditions") or {})


def together(request: Request) -> Conditions:
    """What was asked for, with everything that was demanded so far."""
    met = asked(request)
    for row in request.imposed.all():
        met = met.narrowed(read(row.conditions))
    return met


def told(request: Request) -> list[Evidence]:
    """The same for who reads the request, a line each; nothing where no conditions were spoken of."""
    found = []
    if (wanted := asked(request)) != NONE:
        found.append(Evidence("Asked for with conditions", "; ".join(wanted.sentences), "Requester"))
    for row in request.imposed.select_related("by"):
        sentences = "; ".join(read(row.conditions).sentences)
        found.append(Evidence("Demanded of every call", sentences, str(row.by), row.at.date()))
    return found
