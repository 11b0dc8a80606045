"""Take back a request that nobody has decided yet, sent or not.

One takes back one's own. What was sent back holds its subject while it waits for who asked, who may be gone: so whoever
decides for the tenant may take it back too, and the platform's administrators.
"""

from __future__ import annotations

from django.db import transaction

from approvals.deciders import led_by, waiting_in
from approvals.models import ADMINISTRATORS, Request
from approvals.sending import NotTheRequester, require_seen
from approvals.states import State, Verb
from approvals.submit import told_to
from approvals.telling import tell
from approvals.transitions import close_reviews, move
from audit.record import record
from tenants.models import User


def may_withdraw(request: Request, viewer: User) -> bool:
    """Whether it is for `viewer` to withdraw `request`, if it can be; without asking whether they see it."""
    if request.requester_id == viewer.pk:
        return True
    return request.state == State.SENT_BACK and (viewer.has_perm(ADMINISTRATORS) or request.tenant_id in led_by(viewer))


@transaction.atomic
def withdraw(*, request: Request, by: User) -> Request:
    """Withdraw `request`; a draft is thrown away so. Raises `Missing`, `NotTheRequester`, `NotPossible`."""
    require_seen(request, by)
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    if not may_withdraw(locked, by):
        raise NotTheRequester(
            f"{locked.requester} sent this request; only they can withdraw it, and once it was sent back also who"
            " decides for the tenant, or the platform team."
        )
    told = {locked.requester, *waiting_in(locked.reviews.select_related("board", "request__tenant"))} - {by}
    transition = move(locked, Verb.WITHDRAW)
    close_reviews(locked)
    record(transition.audit, by=by, subject=locked, tenant=told_to(locked))
    tell(told, locked, kind="conversation", title=f"Withdrawn: {locked.title}")
    return locked
