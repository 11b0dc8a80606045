"""Take back a request of one's own that nobody has decided yet, sent or not."""

from __future__ import annotations

from django.db import transaction

from approvals.deciders import waiting_in
from approvals.models import Request
from approvals.sending import require_requester
from approvals.states import Verb
from approvals.submit import told_to
from approvals.telling import tell
from approvals.transitions import close_reviews, move
from audit.record import record
from tenants.models import User


@transaction.atomic
def withdraw(*, request: Request, by: User) -> Request:
    """Withdraw `request`; a draft is thrown away so. Raises `Missing`, `NotTheRequester`, `NotPossible`."""
    require_requester(request, by)
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    voters = waiting_in(locked.reviews.select_related("board", "request__tenant")) - {by}
    transition = move(locked, Verb.WITHDRAW)
    close_reviews(locked)
    record(transition.audit, by=by, subject=locked, tenant=told_to(locked))
    tell(voters, locked, kind="conversation", title=f"Withdrawn: {locked.title}")
    return locked
