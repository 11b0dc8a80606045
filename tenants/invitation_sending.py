"""The mails of invitations that are due: those of a list, slice by slice, and those of a process that died.

Each has a link made for it just then and is noted as soon as it left: a worker that dies loses none and repeats the one
it had in hand at most, and two at work do not send one twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
import socket
import time
from uuid import UUID

from django.core.mail import mailers
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants import invitation_mail, secrets
from tenants.arrivals import VALID_FOR, Invitation, InvitationBatch, Invitations
from tenants.invite import KIND
from tenants.notifications import notify

log = logging.getLogger(__name__)

State = InvitationBatch.State
SLICE = 100
SLICE_S = 30  # then the next task goes on: a message of the queue is visible again after a minute
LEASE = dt.timedelta(seconds=50)  # longer than a slice with its last mail; after it a dead worker's mails are taken up
AWAY = (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, ConnectionError, TimeoutError, socket.gaierror)


def send_slice(key: UUID) -> bool:
    """Send some of the mails of a list; whether more remain for a further slice.

    A mail server that is away ends the slice, and its mails are tried again later; one that does not take a mail is
    noted on that invitation. The mails of an archived tenant wait until it is restored.
    """
    tried = _send(_claim(due().filter(batch=key, batch__state=State.RUNNING)))
    rest = due().filter(batch=key).exists()
    with transaction.atomic():
        batch = InvitationBatch.objects.filter(pk=key)
        dealt = Invitation.objects.filter(batch=key, sent_count__gt=0)
        batch.update(done=dealt.count(), undelivered=dealt.exclude(undelivered="").count())
        if not rest and batch.filter(state=State.RUNNING).update(state=State.DONE, finished_at=timezone.now()):
            _tell(batch.select_related("tenant", "confirmed_by", "created_by").defer("rows").get())
    return rest and bool(tried)


def send_left() -> None:
    """Send what one by one was invited, or sent again after its list was over, by a process that died before the mail
    left."""
    ended = Q(batch__state=State.DONE) | Q(batch__state=State.CANCELLED, sent_count__gt=0)
    _send(_claim(due().filter(Q(batch=None) | ended, expires_at__gt=timezone.now())))


def due() -> Invitations:
    """Those whose mail has yet to leave, a first one or a further one, whoever has it in hand."""
    return Invitation.objects.open().filter(mail_due=True)


def in_nobodys_hand(rows: Invitations) -> Invitations:
    """Those of `rows` that no process is sending: one that took some longer ago than `LEASE` has died."""
    return rows.filter(Q(last_sent_at=None) | Q(last_sent_at__lt=timezone.now() - LEASE))


@transaction.atomic
def _claim(rows_due: Invitations) -> list[tuple[Invitation, str]]:
    """Some invitations that nobody is sending, each with the secret of its new link; none into an archived tenant."""
    now = timezone.now()
    free = in_nobodys_hand(rows_due).filter(tenant__archived_at=None).order_by("created_at", "pk")
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
    until, dealt = time.monotonic() + SLICE_S, 0
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
                invitation_mail.note(invitation, why)
                dealt += 1
    except AWAY as error:
        log.warning("the mail server is away; %d invitations wait", len(claimed) - dealt, exc_info=error)
    _give_back([invitation for invitation, _ in claimed[dealt:]])
    return dealt


@transaction.atomic
def _give_back(claimed: list[Invitation]) -> None:
    """Let the next slice send these, or end them with a list that was cancelled. What was sent again meanwhile has
    another link, and is somebody else's."""
    rest = due().filter(secret_hash__in=[invitation.secret_hash for invitation in claimed])
    rest.filter(batch__state=State.CANCELLED, sent_count=0).update(withdrawn_at=timezone.now(), mail_due=False)
    rest.update(last_sent_at=None)


def _tell(batch: InvitationBatch) -> None:
    """Say to who confirmed it that a list is done."""
    count = batch.total - batch.undelivered
    people = "1 person is" if count == 1 else f"{count:,} people are"
    notify(
        [batch.confirmed_by or batch.created_by],
        kind="membership",
        title=f"{people} invited to {batch.tenant}",
        body=f"{batch.left_out:,} lines were left out, {batch.undelivered:,} mails were not taken.",
        path=batch.get_absolute_url(),
        tenant=batch.tenant,
    )
