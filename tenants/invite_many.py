"""Invite everybody of a list: plan it, confirm it, send it in the background, cancel it.

Nothing is done before it is confirmed. What is confirmed is checked once more, since others may have been faster; what
is wrong by then is left out and counted. Mails leave in slices (`send_slice`), each with a link made for it just then
and noted as soon as it left: a worker that dies loses none and repeats the one it had in hand at most, and two at work
do not send one twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
import socket
import time
from collections.abc import Iterable
from uuid import UUID

from django.core.mail import mailers
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict
from tenants import invitation_list, invitation_mail, scoping, secrets
from tenants.archiving import refuse_archived
from tenants.arrivals import VALID_FOR, Invitation, InvitationBatch, Invitations
from tenants.custom_roles import roles_of
from tenants.delegation import MANAGE_MEMBERS
from tenants.invitation_list import AGAIN, Row
from tenants.invite import KIND, tell
from tenants.models import Tenant, User
from tenants.own_addresses import people_by_address

log = logging.getLogger(__name__)

State = InvitationBatch.State
SLICE = 100
SLICE_S = 30  # then the next task goes on: a message of the queue is visible again after a minute
LEASE = dt.timedelta(seconds=50)  # longer than a slice with its last mail; after it a dead worker's mails are taken up
AWAY = (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, ConnectionError, TimeoutError, socket.gaierror)
PLANS_KEPT = dt.timedelta(days=1)


class NotPlanned(Conflict):
    """The list was confirmed or cancelled already."""

    code = "not_planned"
    title = "This list was dealt with already"


class NothingToSend(Conflict):
    code = "nothing_to_send"
    title = "Nobody is left to invite"


@transaction.atomic
def plan(*, tenant: Tenant, lines: Iterable[str], by: User, default_role: str = "") -> InvitationBatch:
    """Read and check a list; nobody is invited yet. Earlier plans of `by` here that wait for a word are forgotten.

    Raises `ListNotUnderstood`, `TenantArchived`.
    """
    refuse_archived(tenant)
    rows = checked(tenant=tenant, lines=lines, by=by, default_role=default_role)
    InvitationBatch.objects.filter(tenant=tenant, created_by=by, state=State.PLANNED).delete()
    good = sum(row.is_good for row in rows)
    return InvitationBatch.objects.create(
        tenant=tenant, rows=[row.kept() for row in rows], total=good, left_out=len(rows) - good, created_by=by
    )


def checked(*, tenant: Tenant, lines: Iterable[str], by: User, default_role: str = "") -> list[Row]:
    """The rows of a list with what would happen to each. Raises `ListNotUnderstood`."""
    rows = invitation_list.read(lines, roles=roles_of(tenant), default_role=default_role)
    return invitation_list.check(rows, tenant, by)


@transaction.atomic
def confirm(*, batch: InvitationBatch, by: User) -> InvitationBatch:
    """Invite everybody of a plan who can be invited now; mails leave in the background.

    Raises `NotPlanned`, `NothingToSend`, `TenantArchived`, `Forbidden`.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=batch.tenant_id)
    locked = InvitationBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if locked.state != State.PLANNED:
        raise NotPlanned("This list was confirmed or cancelled already. Nothing was done a second time.")
    refuse_archived(tenant)
    scoping.require(by, MANAGE_MEMBERS, tenant)
    planned = [row for row in rows_of(locked) if row.is_good]
    good = [row for row in invitation_list.check(planned, tenant, by) if row.is_good]
    if not good:
        raise NothingToSend("Nobody of this list can be invited any more: they are members or invited already.")
    now = timezone.now()
    anew = [row.email for row in good if row.outcome == AGAIN]
    Invitation.objects.open().filter(tenant=tenant, email__in=anew).update(withdrawn_at=now, withdrawn_by=by)
    Invitation.objects.bulk_create(
        (
            Invitation(
                tenant=tenant, email=row.email, role=row.role, batch=locked, created_by=by, created_at=now,
                expires_at=now + VALID_FOR,
            )
            for row in good
        ),
        batch_size=5000,
    )  # fmt: skip
    locked.left_out += locked.total - len(good)
    locked.state, locked.total, locked.rows = State.RUNNING, len(good), []
    locked.save(update_fields=["left_out", "state", "total", "rows"])
    record("invitations.sent", by=by, subject=locked, tenant=tenant.slug, invited=len(good), left_out=locked.left_out)
    tell(list(people_by_address(row.email for row in good).values()), tenant, by)
    _go_on(locked.pk)
    return locked


@transaction.atomic
def cancel(*, batch: InvitationBatch, by: User) -> InvitationBatch:
    """Forget a plan, or stop sending: who has no mail yet is not invited. A second time changes nothing."""
    locked = InvitationBatch.objects.select_for_update(no_key=True).select_related("tenant").get(pk=batch.pk)
    if locked.is_over:
        return locked
    unsent = _unsent(locked.pk).filter(last_sent_at=None)
    stopped = unsent.update(withdrawn_at=timezone.now(), withdrawn_by=by)
    was_running = locked.state == State.RUNNING
    locked.state, locked.rows, locked.finished_at = State.CANCELLED, [], timezone.now()
    locked.save(update_fields=["state", "rows", "finished_at"])
    if was_running:
        record("invitations.cancelled", by=by, subject=locked, tenant=locked.tenant.slug, not_invited=stopped)
    return locked


def rows_of(batch: InvitationBatch) -> list[Row]:
    """The rows of a plan as they were checked."""
    return [Row(*kept) for kept in batch.rows]


def send_slice(key: UUID) -> bool:
    """Send some of the mails of a list; whether more remain for a further slice.

    A mail server that is away ends the slice, and its mails are tried again later; one that does not take a mail is
    noted on that invitation.
    """
    tried = _send(_claim(_unsent(key).filter(batch__state=State.RUNNING)))
    rest = _unsent(key).exists()
    with transaction.atomic():
        batch = InvitationBatch.objects.filter(pk=key)
        dealt = Invitation.objects.filter(batch=key, sent_count__gt=0)
        batch.update(done=dealt.count(), undelivered=dealt.exclude(undelivered="").count())
        if not rest:
            batch.filter(state=State.RUNNING).update(state=State.DONE, finished_at=timezone.now())
    return rest and bool(tried)


def resume() -> None:
    """Go on with lists whose task was lost, send what a process that died was about to send, and forget plans that
    nobody confirmed."""
    InvitationBatch.objects.filter(state=State.PLANNED, created_at__lt=timezone.now() - PLANS_KEPT).delete()
    for key in InvitationBatch.objects.filter(state=State.RUNNING).values_list("pk", flat=True):
        _go_on(key)
    _send(_claim(_unsent(None).filter(expires_at__gt=timezone.now(), tenant__archived_at=None)))


def _go_on(key: UUID) -> None:
    from tenants.tasks import send_invitations  # tasks need this module

    transaction.on_commit(lambda: send_invitations.delay(str(key)), robust=True)


def _unsent(key: UUID | None) -> Invitations:
    """Those of a list that have no mail yet; or, without a list, those that were invited one by one."""
    return Invitation.objects.open().filter(batch=key, sent_count=0)


@transaction.atomic
def _claim(unsent: Invitations) -> list[tuple[Invitation, str]]:
    """Some invitations that nobody is sending, each with the secret of its new link."""
    now = timezone.now()
    free = unsent.filter(Q(last_sent_at=None) | Q(last_sent_at__lt=now - LEASE)).order_by("created_at", "pk")
    rows = list(free.select_for_update(of=("self",), skip_locked=True, no_key=True)[:SLICE])
    made = [secrets.make(KIND) for _ in rows]
    for invitation, secret in zip(rows, made, strict=True):
        invitation.secret_hash, invitation.last_sent_at = secret.secret_hash, now
        invitation.expires_at = now + VALID_FOR
    Invitation.objects.bulk_update(rows, ["secret_hash", "last_sent_at", "expires_at"])
    whole = Invitation.objects.select_related("tenant", "created_by").in_bulk([row.pk for row in rows])
    return [(whole[row.pk], secret.text) for row, secret in zip(rows, made, strict=True)]


def _send(claimed: list[tuple[Invitation, str]]) -> int:
    """Send while there is time: how many were dealt with, each noted at once. The others are given back."""
    until, dealt = time.monotonic() + SLICE_S, set[UUID]()
    try:
        with mailers.default as outbox:
            for invitation, secret in claimed:
                if time.monotonic() > until:
                    break
                why = ""
                try:
                    outbox.send_messages([invitation_mail.message(invitation, secret)])
                except AWAY:
                    raise
                except Exception as error:  # this one mail, whatever is wrong with it, must not hold up the others
                    log.warning("the mail of invitation %s was not taken", invitation.pk, exc_info=error)
                    why = type(error).__name__
                Invitation.objects.filter(pk=invitation.pk).update(sent_count=1, undelivered=why)
                dealt.add(invitation.pk)
    except AWAY as error:
        log.warning("the mail server is away; %d invitations wait", len(claimed) - len(dealt), exc_info=error)
    _give_back({invitation.pk for invitation, _ in claimed} - dealt)
    return len(dealt)


@transaction.atomic
def _give_back(keys: set[UUID]) -> None:
    """Let the next slice send these, or end them with a list that was cancelled."""
    rest = Invitation.objects.open().filter(pk__in=keys, sent_count=0)
    rest.filter(batch__state=State.CANCELLED).update(withdrawn_at=timezone.now())
    rest.update(last_sent_at=None)
