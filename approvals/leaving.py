"""What becomes of open requests of a project that moves to another tenant, or of a tenant that is taken back: they are
withdrawn, and who asked is told.

A board decides for a tenant; its word for one is none for another. What was decided goes along with the grants it gave.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from approvals.deciders import waiting_in
from approvals.models import Request
from approvals.states import OPEN_STATES, Verb
from approvals.telling import tell
from approvals.transitions import close_reviews, move
from audit.record import record
from tenants.models import Project, User
from tenants.moving import Ending


def _open(project: Project) -> QuerySet[Request]:
    rows = Request.objects.filter(environment__project=project, state__in=OPEN_STATES)
    return rows.order_by("number")


def _told(project: Project) -> list[str]:
    return [f"R-{request.number}, “{request.title}”, is withdrawn undecided" for request in _open(project)]


def _lock(project: Project) -> None:
    list(_open(project).select_for_update(of=("self",), no_key=True))


def _end(project: Project, why: str, by: User) -> None:
    withdraw_undecided(_open(project), why, by)


def withdraw_undecided(requests: QuerySet[Request], why: str, by: Any) -> None:
    """Withdraw the open ones among `requests` as what they ask for goes away; their rows are locked before."""
    for request in requests.filter(state__in=OPEN_STATES).select_related("tenant", "requester"):
        told = {request.requester, *waiting_in(request.reviews.select_related("board", "request__tenant"))} - {by}
        transition = move(request, Verb.WITHDRAW)
        close_reviews(request)
        record(transition.audit, by=by, subject=request, tenant=request.tenant.slug if request.tenant else "", why=why)
        tell(told, request, kind="conversation", title=f"Withdrawn: {request.title}", body=why)


REQUESTS = Ending(_told, _lock, _end)
