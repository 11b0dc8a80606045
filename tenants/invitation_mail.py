"""The mail that carries an invitation's link. It leaves after the transaction; what became of it is noted.

A mail that cannot be sent undoes nothing: the link can be handed over otherwise, or sent again.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from tenants.arrivals import Invitation, Invitations
from tenants.scope import only

log = logging.getLogger(__name__)

NOT_SENT = ("console.EmailBackend", "dummy.EmailBackend")


def mail_leaves() -> bool:
    """Whether a mail server is configured (`EMAIL_URL`); without one mails are written to the log."""
    return not settings.MAILERS["default"]["BACKEND"].endswith(NOT_SENT)


def link(secret: str) -> str:
    """The address that opens the invitation."""
    return f"{settings.PUBLIC_URL}/invitations/{secret}/"


def message(invitation: Invitation, secret: str) -> EmailMessage:
    """The mail to who is invited, plain text. `invitation` is read with its tenant and who invites."""
    by, tenant = invitation.created_by, invitation.tenant
    context = {"invitation": invitation, "tenant": tenant, "by": by, "link": link(secret)}
    subject = " ".join(f"{by or 'Atrium'} invites you to {tenant}".split())  # a line break would end the header
    return EmailMessage(subject, render_to_string("tenants/invitation_mail.txt", context), to=[invitation.email])


def send_on_commit(invitation: Invitation, secret: str) -> None:
    """Send the mail once the transaction has committed, and note on the row what became of it.

    A process that dies before it noted that a mail left leaves it to `invite_many.resume`, with a new link.
    """
    transaction.on_commit(lambda: send(invitation, secret), robust=True)


def send(invitation: Invitation, secret: str) -> None:
    """Send the mail unless a newer one has left; that it was sent, or why not, is noted on the row, and in the log."""
    with only(invitation.tenant, because="the mail of an invitation into it leaves"):
        if not with_link_of(invitation).open().update(last_sent_at=timezone.now()):
            return
        try:
            message(invitation, secret).send()
        except Exception as error:  # whatever a mail server does
            log.warning("the mail of invitation %s could not be sent", invitation.pk, exc_info=error)
            # Not its text: a mail server's words are the operator's.
            invitation.undelivered = type(error).__name__[:200]
        invitation.sent_count += 1
        note(invitation, invitation.undelivered)


def with_link_of(invitation: Invitation) -> Invitations:
    """Its row, unless it has another link by now: what became of this one's mail tells nothing of that."""
    return Invitation.objects.filter(pk=invitation.pk, secret_hash=invitation.secret_hash)


def note(invitation: Invitation, undelivered: str) -> None:
    """The mail was handed over, or (`undelivered`: why) could not be; either way it is due no more."""
    with_link_of(invitation).update(sent_count=F("sent_count") + 1, undelivered=undelivered, mail_due=False)
