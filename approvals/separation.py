"""Who is kept from deciding on a request because they asked for it: the requester, and whoever made the service account
that asked. A trigger in the database refuses the same (`approvals.triggers`)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from approvals.models import Request
from tenants.models import ServiceAccount, User


def askers(request: Request) -> set[UUID]:
    """The keys of the people who may not decide on `request`, as it is their own."""
    made_by = ServiceAccount.objects.filter(user=request.requester_id).values_list("created_by", flat=True)
    return {request.requester_id, *(key for key in made_by if key is not None)}


def is_own(request: Request, person: User) -> bool:
    """Whether `person` asked for it, themselves or by a service account that they made. Reads `requester` with its
    `service_account` (select them)."""
    if request.requester_id == person.pk:
        return True
    return request.requester.is_service and request.requester.service_account.created_by_id == person.pk


def not_own(rows: QuerySet[Request], person: User) -> QuerySet[Request]:
    """Those of `rows` that `person` did not ask for."""
    rows = rows.exclude(requester=person)
    return rows.exclude(requester__in=ServiceAccount.objects.filter(created_by=person).values("user"))
