"""What deciders demand when they approve a request for access: kept beside it by each of them, and all of it together
with what was asked for becomes the conditions of the grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from access.conditions import NONE, Conditions, read
from access.models import Imposed
from approvals.models import Request, Vote
from approvals.subjects import Evidence
from audit.record import record


def impose(vote: Vote, given: Mapping[str, Any]) -> None:
    """Demand `given` of every call with `vote`, in its own transaction. Raises `Invalid`, also where nothing would be
    left that meets what was asked for and what others demand."""
    demanded = read(given)
    if demanded.is_empty:
        return
    request = vote.review.request
    together(request).narrowed(demanded)
    Imposed.objects.create(vote=vote, conditions=demanded.as_json())
    record(
        "conditions.imposed",
        by=vote.voter,
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
    for row in _imposed(request):
        met = met.narrowed(read(row.conditions))
    return met


def told(request: Request) -> list[Evidence]:
    """The same for who reads the request, a line each; nothing where no conditions were spoken of."""
    found = []
    if (wanted := asked(request)) != NONE:
        found.append(Evidence("Asked for with conditions", "; ".join(wanted.sentences), "Requester"))
    for row in _imposed(request).select_related("vote__voter"):
        sentences = "; ".join(read(row.conditions).sentences)
        found.append(Evidence("Demanded of every call", sentences, str(row.vote.voter), row.vote.at.date()))
    return found


def _imposed(request: Request) -> QuerySet[Imposed]:
    # What was demanded in a round that was sent back was demanded of what was asked for then.
    return Imposed.objects.filter(vote__review__request=request, vote__review__round=request.round)
