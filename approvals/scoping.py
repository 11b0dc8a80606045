"""The one place that answers "which requests and decisions may this person see?".

The requester, the members of its tenant, the members of the boards that review it, and whoever holds
`approvals.view_request`. For everybody else it does not exist, and a draft does for its author alone.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import Decision, Request, Review
from refusals.errors import Missing
from tenants.models import User
from tenants.scoping import tenants_for

SEE_ALL = "approvals.view_request"


def requests_for(viewer: User) -> QuerySet[Request]:
    """Every request that `viewer` may see."""
    rows = Request.objects.all()
    if not viewer.is_authenticated or not viewer.is_active:
        return rows.none()
    rows = rows.filter(Q(sent_at__isnull=False) | Q(requester=viewer))
    if viewer.has_perm(SEE_ALL):
        return rows
    seated = Review.objects.filter(request=OuterRef("pk"), board__seats__user=viewer)
    return rows.filter(
        Q(requester=viewer) | Q(tenant__in=tenants_for(viewer).order_by().values("pk")) | Q(Exists(seated))
    )


def tenants_before(person: Any) -> QuerySet[Any, Any]:
    """The tenants with a request that `person` made or that a board of theirs reviews; a reason of `tenants.reach`."""
    rows = Request.objects.filter(Q(requester=person) | Q(reviews__board__seats__user=person), tenant__isnull=False)
    return rows.order_by().values("tenant").distinct()


def find_request(viewer: User, number: int) -> Request:
    """The request with `number`. Raises `Missing` for whoever may not see it."""
    found = (
        requests_for(viewer)
        .filter(number=number)
        .select_related(
            "tenant", "environment__project", "environment__tenant", "requester__service_account", "policy", "decision"
        )
        .first()
    )
    if found is None:
        raise Missing(f"There is no request R-{number}, or it is not yours to see.")
    return found


def decisions_for(viewer: User) -> QuerySet[Decision]:
    """Every decision on a request that `viewer` may see."""
    return Decision.objects.filter(request__in=requests_for(viewer).order_by())


def reviews_for(viewer: User) -> QuerySet[Review]:
    """Every review of a request that `viewer` may see."""
    return Review.objects.filter(request__in=requests_for(viewer).order_by())
