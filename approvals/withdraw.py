"""Take back a request that one sent oneself and that nobody has decided yet."""

from __future__ import annotations

from django.db import transaction

from approvals.deciders import waiting_in
from approvals.models import Request
from approvals.scoping import requests_for
from approvals.states import Verb
from approvals.telling import tell
from approvals.transitions import close_reviews, move
from audit.record import record
from refusals.errors import Forbidden, Missing
from tenants.models import User


class NotTheRequester(Forbidden):
    code = "not_the_requester"
    title = "Only the requester withdraws"


@transaction.atomic
def withdraw(*, request: Request, by: User) -> Request:
    """Withdraw `request`. Raises `Missing`, `NotTheRequester`, `NotPossible`."""
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")
    if request.requester_id != by.pk:
        raise NotTheRequester(f"{request.requester} sent this request; only they can withdraw it.")
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    voters = waiting_in(locked.reviews.select_related("board", "request__tenant")) - {by}
    transition = move(locked, Verb.WITHDRAW)
    close_reviews(locked)
    record(transition.audit, by=by, subject=locked, tenant=locked.tenant.slug if locked.tenant else "")
    tell(voters, locked, kind="conversation", title=f"Withdrawn: {locked.title}")
    return locked
