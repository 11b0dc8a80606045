"""Change a draft, or what a board sent back, and send it: under the same number, in a new round.

A round is decided under the policy that is in force when it is sent. Votes and words of earlier rounds stay readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.models import Request
from approvals.scoping import requests_for
from approvals.sealing.canonical import storable
from approvals.states import CHANGEABLE_STATES, State, Verb
from approvals.subjects import kind_of
from approvals.submit import begin_round, refuse_second, stated_reason, take_turn, told_to, who_decides
from approvals.transitions import NotPossible, allowed, move
from audit.record import record
from refusals.errors import Forbidden, Missing
from tenants.archiving import refuse_archived
from tenants.models import User


class NotTheRequester(Forbidden):
    code = "not_the_requester"
    title = "Only the requester does this"


def require_seen(request: Request, by: User) -> None:
    """Raise `Missing` where `by` may not see `request`."""
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")


def require_requester(request: Request, by: User) -> None:
    """The same, and raise `NotTheRequester` where it is somebody else's."""
    require_seen(request, by)
    if request.requester_id != by.pk:
        raise NotTheRequester(f"{request.requester} sent this request; only they can change and send it.")


@transaction.atomic
def change(
    *, request: Request, reason: str, facts: Mapping[str, Any] | None = None, title: str = "", by: User
) -> Request:
    """Change what is asked in a draft or in what was sent back; `facts` are those that change, an empty `title` stays.

    Raises `Missing`, `NotTheRequester`, `NotPossible`, `ReasonMissing`, `TenantArchived`, `ProjectArchived` and what
    the kind of the subject refuses.
    """
    locked = _locked(request, by)
    if locked.state not in CHANGEABLE_STATES:
        raise NotPossible(
            f"The request is {State(locked.state).label.lower()}: it can be changed only as a draft, or once it was"
            " sent back."
        )
    reason = stated_reason(reason)
    new = storable(dict(kind_of(locked.subject_kind).revise(locked, facts or {}, by)))
    before = {"title": locked.title, "reason": locked.reason, "facts": locked.facts}
    locked.title, locked.reason, locked.facts = title[:300] or locked.title, reason, new
    after = {"title": locked.title, "reason": locked.reason, "facts": locked.facts}
    if before != after:
        locked.save(update_fields=["title", "reason", "facts"])
        changed = [name for name in before if before[name] != after[name]]
        record(
            "request.changed", by=by, subject=locked, tenant=told_to(locked),
            changed=changed,
        )  # fmt: skip
    return locked


@transaction.atomic
def send(*, request: Request, by: User) -> Request:
    """Send a draft, or once more what was sent back, to the people who decide.

    Raises `Missing`, `NotTheRequester`, `NotPossible`, `TenantArchived`, `ProjectArchived`, what the kind of the
    subject refuses, and of `approvals.submit` `NoPolicy`, `OpenRequestExists`, `BoardTooSmall`.
    """
    require_requester(request, by)
    take_turn()  # of two drafts of one subject the second finds the first in review
    locked = _locked(request, by)
    allowed(locked.state, Verb.SEND)
    kind_of(locked.subject_kind).revise(locked, {}, by)
    refuse_second(locked)
    who = who_decides(locked)
    at = timezone.now()
    is_first = locked.state == State.DRAFT
    move(
        locked,
        Verb.SEND,
        **who.fields(),
        sent_at=locked.sent_at or at,
        round=locked.round if is_first else locked.round + 1,
    )
    begin_round(locked, who, by=by, at=at)
    return locked


def _locked(request: Request, by: User) -> Request:
    require_requester(request, by)
    rows = Request.objects.select_related("tenant", "environment__project", "environment__tenant", "requester")
    locked = rows.select_for_update(of=("self",), no_key=True).get(pk=request.pk)
    if locked.tenant is not None:
        refuse_archived(locked.tenant, locked.environment.project if locked.environment else None)
    return locked
