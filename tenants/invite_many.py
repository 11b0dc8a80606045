"""Invite everybody of a list: read it, confirm it, make the invitations, send them, cancel it.

Nobody is invited before it is confirmed. What may take long a worker does, piece by piece (`go_on`): it checks the
lines, makes the invitations, and sends the mails (`tenants.invitation_sending`). Each piece is one transaction that
also writes down how far it is, so a worker that is killed leaves whole pieces, and who comes next goes on behind them.
What is confirmed is checked once more, since others may have been faster; what is wrong by then is left out and
counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals import Refusal
from refusals.errors import Conflict, Missing
from tenants import invitation_list, invitation_sending, scoping
from tenants.archiving import refuse_archived
from tenants.arrivals import VALID_FOR, Invitation, InvitationBatch, Invitations
from tenants.delegation import MANAGE_MEMBERS
from tenants.invitation_list import AGAIN, Row
from tenants.invite import tell
from tenants.models import Tenant, User
from tenants.notifications import notify
from tenants.own_addresses import people_by_address

State = InvitationBatch.State
AT_ONCE = 2_000  # lines of which invitations are made in one transaction, which holds the tenant
PLANS_KEPT = dt.timedelta(days=1)
NOT_CONFIRMED = (State.READING, State.PLANNED)


class NotPlanned(Conflict):
    """The list was confirmed or cancelled already, or is still being read."""

    code = "not_planned"
    title = "This list waits for no word"


class NothingToSend(Conflict):
    code = "nothing_to_send"
    title = "Nobody is left to invite"


@transaction.atomic
def plan(
    *, tenant: Tenant, lines: Iterable[str], by: User, default_role: str = "", is_confirmed: bool = False
) -> InvitationBatch:
    """Read a list and let a worker check it; nobody is invited yet, unless `is_confirmed`: then who can be is, as soon
    as it is checked. Earlier lists of `by` here that wait for a word are forgotten.

    Raises `ListNotUnderstood`, `TenantArchived`.
    """
    refuse_archived(tenant)
    rows = invitation_list.read(lines, default_role=default_role)
    InvitationBatch.objects.filter(tenant=tenant, created_by=by, state__in=NOT_CONFIRMED, confirmed_by=None).delete()
    made = InvitationBatch.objects.create(
        tenant=tenant, state=State.READING, rows=[row.kept() for row in rows], total=len(rows), created_by=by,
        confirmed_by=by if is_confirmed else None,
    )  # fmt: skip
    _ask(made.pk)
    return made


@transaction.atomic
def confirm(*, batch: InvitationBatch, by: User) -> InvitationBatch:
    """Let a worker invite everybody of a plan who can be invited.

    Raises `NotPlanned`, `NothingToSend`, `TenantArchived`, `Forbidden`, `Missing`.
    """
    locked = _there(_with_its_tenant(batch.pk))
    if locked.state == State.READING:
        raise NotPlanned("This list is still being read. Confirm it when you have seen what would happen.")
    if locked.state != State.PLANNED:
        raise NotPlanned("This list was confirmed or cancelled already. Nothing was done a second time.")
    refuse_archived(locked.tenant)
    scoping.require(by, MANAGE_MEMBERS, locked.tenant)
    if not locked.total:
        raise NothingToSend("Nobody of this list can be invited.")
    locked.state, locked.confirmed_by = State.INVITING, by
    locked.save(update_fields=["state", "confirmed_by"])
    _ask(locked.pk)
    return locked


@transaction.atomic
def cancel(*, batch: InvitationBatch, by: User) -> InvitationBatch:
    """Forget a plan, or stop: who has no mail yet is not invited. A second time changes nothing. Raises `Missing`."""
    locked = _there(_locked(batch.pk))
    if locked.is_over:
        return locked
    was = locked.state
    locked.state, locked.rows, locked.finished_at = State.CANCELLED, [], timezone.now()
    locked.save(update_fields=["state", "rows", "finished_at"])
    if was not in NOT_CONFIRMED:
        stopped = locked.total if was == State.INVITING else _without_mail(batch=locked.pk).count()
        record("invitations.cancelled", by=by, subject=locked, tenant=locked.tenant.slug, not_invited=stopped)
        _ask(locked.pk)
    return locked


def rows_of(batch: InvitationBatch) -> list[Row]:
    """The rows of a plan as they were checked."""
    return [Row(*kept) for kept in batch.rows] if batch.state == State.PLANNED else []


def go_on(key: UUID) -> bool:
    """Do the next piece of a list's work, whatever it is; whether there is more to be done."""
    match InvitationBatch.objects.filter(pk=key).values_list("state", flat=True).first():
        case State.READING:
            return _check(key)
        case State.INVITING:
            return _invite_some(key)
        case State.RUNNING:
            return invitation_sending.send_slice(key)
        case State.CANCELLED:
            _without_mail(batch=key).update(withdrawn_at=timezone.now(), mail_due=False)
    return False


def resume() -> None:
    """Go on with lists whose task was lost, send what a process that died was about to send, and forget plans that
    nobody confirmed."""
    old = timezone.now() - PLANS_KEPT
    InvitationBatch.objects.filter(state__in=NOT_CONFIRMED, confirmed_by=None, created_at__lt=old).delete()
    at_work = InvitationBatch.objects.filter(state__in=(State.READING, State.INVITING, State.RUNNING))
    stopped = _without_mail(batch__state=State.CANCELLED)
    for key in {*at_work.values_list("pk", flat=True), *stopped.values_list("batch", flat=True)}:
        _ask(key)
    invitation_sending.send_left()


@transaction.atomic
def _check(key: UUID) -> bool:
    """Say of every line what would happen."""
    batch = _locked(key)
    if batch is None or batch.state != State.READING:
        return False
    rows = invitation_list.check([Row(*kept) for kept in batch.rows], batch.tenant, batch.created_by)
    batch.total = sum(row.is_good for row in rows)
    batch.rows, batch.left_out = [row.kept() for row in rows], len(rows) - batch.total
    batch.state = State.INVITING if batch.confirmed_by else State.PLANNED
    batch.save(update_fields=["rows", "total", "left_out", "state"])
    return batch.state == State.INVITING


@transaction.atomic
def _invite_some(key: UUID) -> bool:
    """Make invitations of the next lines, of those that are still right."""
    batch = _with_its_tenant(key)
    if batch is None or batch.state != State.INVITING:
        return False
    tenant, by = batch.tenant, batch.confirmed_by or batch.created_by
    try:
        refuse_archived(tenant)
        scoping.require(by, MANAGE_MEMBERS, tenant)
    except Refusal as refusal:
        return _stop(batch, by, refusal.sentence)
    planned = [kept for kept in batch.rows if Row(*kept).is_good]
    some = [Row(*kept) for kept in planned[batch.dealt : batch.dealt + AT_ONCE]]
    good = [row for row in invitation_list.check(some, tenant, by, but=key) if row.is_good]
    _make(batch, good, by)
    tell(list(people_by_address(row.email for row in good).values()), tenant, by)
    batch.dealt += len(some)
    if batch.dealt >= len(planned):
        batch.total = Invitation.objects.filter(batch=key).count()
        batch.left_out += len(planned) - batch.total
        batch.state, batch.rows = State.RUNNING, []
        record("invitations.sent", by=by, subject=batch, tenant=tenant.slug, invited=batch.total,
               left_out=batch.left_out)  # fmt: skip
        batch.save(update_fields=["dealt", "total", "left_out", "state", "rows"])
    else:
        batch.save(update_fields=["dealt"])
    return True


def _make(batch: InvitationBatch, good: list[Row], by: User) -> None:
    now = timezone.now()
    anew = [row.email for row in good if row.outcome == AGAIN]
    Invitation.objects.open().filter(tenant=batch.tenant, email__in=anew).update(withdrawn_at=now, withdrawn_by=by)
    Invitation.objects.bulk_create(
        Invitation(
            tenant=batch.tenant, email=row.email, role=row.role, batch=batch, created_by=by, created_at=now,
            expires_at=now + VALID_FOR, mail_due=True,
        )
        for row in good
    )  # fmt: skip


def _stop(batch: InvitationBatch, by: User, why: str) -> bool:
    """End a list that cannot be gone on with, and say why."""
    batch.state, batch.rows, batch.finished_at, batch.error = State.CANCELLED, [], timezone.now(), why[:300]
    batch.save(update_fields=["state", "rows", "finished_at", "error"])
    record("invitations.cancelled", by=by, subject=batch, tenant=batch.tenant.slug,
           not_invited=batch.total, reason=batch.error)  # fmt: skip
    notify([by], kind="membership", title=f"Inviting many to {batch.tenant} stopped", body=batch.error,
           path=batch.get_absolute_url(), tenant=batch.tenant)  # fmt: skip
    return True  # to take back what was made


def _without_mail(**which: Any) -> Invitations:
    """Those that never had a mail, and that nobody is sending one."""
    return invitation_sending.in_nobodys_hand(invitation_sending.due().filter(sent_count=0, **which))


def _locked(key: UUID) -> InvitationBatch | None:
    """None if it was deleted since somebody looked."""
    rows = InvitationBatch.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant", "created_by", "confirmed_by").filter(pk=key).first()


def _with_its_tenant(key: UUID) -> InvitationBatch | None:
    """Both locked, the tenant first, as everything that invites does."""
    of_it = InvitationBatch.objects.filter(pk=key).values("tenant")
    Tenant.objects.select_for_update(no_key=True).filter(pk__in=of_it).first()
    return _locked(key)


def _there(batch: InvitationBatch | None) -> InvitationBatch:
    if batch is None:
        raise Missing("There is no such list any more: one that nobody confirms is forgotten.")
    return batch


def _ask(key: UUID) -> None:
    from tenants.tasks import send_invitations  # tasks need this module

    transaction.on_commit(lambda: send_invitations.delay(str(key)), robust=True)
