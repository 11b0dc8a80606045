"""Suspend an approval, which takes back for a time what it brought about, and resume it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from approvals.models import Comment, Request
from approvals.scoping import requests_for
from approvals.states import Verb
from approvals.subjects import SubjectKind, kind_of
from approvals.telling import tell
from approvals.transitions import allowed, move
from approvals.voting import stated
from audit.record import record
from refusals.errors import Conflict, Forbidden, Missing
from tenants.archiving import refuse_archived
from tenants.models import User

MANAGE = "approvals.manage_policies"


class NotSuspendable(Conflict):
    code = "not_suspendable"
    title = "This approval cannot be suspended"


def may_suspend(request: Request, viewer: User) -> bool:
    """Whether a page offers `viewer` to suspend or to resume it."""
    return viewer.has_perm(MANAGE) and is_suspendable(kind_of(request.subject_kind))


def is_suspendable(kind: SubjectKind) -> bool:
    """Whether what an approval of the kind brings about can be taken back for a time."""
    return kind.on_suspended is not None and kind.on_resumed is not None


@transaction.atomic
def suspend(*, request: Request, reason: str, by: User) -> Request:
    """Take back what the approval gave, until it is resumed or asked for anew; the reason stands in the conversation.

    Raises `Missing`, `Forbidden` (needs `approvals.manage_policies`), `CommentMissing`, `NotPossible`,
    `NotSuspendable`.
    """
    _require(request, by)
    reason = stated(reason)
    locked, kind = _locked(request)
    allowed(locked.state, Verb.SUSPEND)
    if kind.on_suspended is None or not is_suspendable(kind):
        raise NotSuspendable(f"What an approval of “{kind.name}” brings about cannot be taken back for a time.")
    kind.lock(locked)
    transition = move(locked, Verb.SUSPEND)
    _note(locked, transition.audit, reason, by)
    kind.on_suspended(locked, locked.decision, by, reason)
    tell([locked.requester], locked, kind="decision", title=f"Suspended: {locked.title}", body=reason)
    return locked


@transaction.atomic
def resume(*, request: Request, reason: str, by: User) -> Request:
    """Bring about once more what a suspended approval gave. Raises what `suspend` does, and `TenantArchived`,
    `ProjectArchived` and what the effect itself refuses."""
    _require(request, by)
    reason = stated(reason)
    locked, kind = _locked(request)
    if locked.tenant is not None:
        refuse_archived(locked.tenant, locked.environment.project if locked.environment else None)
    verb = Verb.RESUME_WITH_CONDITIONS if was_conditional(locked) else Verb.RESUME
    allowed(locked.state, verb)
    if kind.on_resumed is None or not is_suspendable(kind):
        raise NotSuspendable(f"What an approval of “{kind.name}” brings about cannot be taken back for a time.")
    kind.lock(locked)
    transition = move(locked, verb)
    _note(locked, transition.audit, reason, by)
    kind.on_resumed(locked, locked.decision, by)
    tell([locked.requester], locked, kind="decision", title=f"Resumed: {locked.title}", body=reason)
    return locked


def was_conditional(request: Request) -> bool:
    """Whether somebody who approved its last round demanded something."""
    return request.reviews.filter(round=request.round, votes__is_conditional=True).exists()


def _require(request: Request, by: User) -> None:
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")
    if not by.has_perm(MANAGE):
        raise Forbidden("Only the platform team suspends an approval, and resumes it.", permission=MANAGE)


def _locked(request: Request) -> tuple[Request, SubjectKind]:
    rows = Request.objects.select_related("tenant", "environment__project", "requester")
    locked = rows.select_for_update(of=("self",), no_key=True).get(pk=request.pk)
    return locked, kind_of(locked.subject_kind)


def _note(request: Request, audit: str, reason: str, by: Any) -> None:
    Comment.objects.create(request=request, author=by, text=reason)
    record(audit, by=by, subject=request, tenant=request.tenant.slug if request.tenant else "", reason=reason)
