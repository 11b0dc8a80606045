"""What workers do with a list of invitations, and who sends one again, for tests that kill them (`tests.killing`)."""

from __future__ import annotations

import datetime as dt

from audit.models import Entry
from tenants import invitation_sending, invite_many
from tenants.arrivals import Invitation, InvitationBatch
from tenants.invite import resend
from tenants.scope import everything
from tenants.tasks import resume_invitations, send_invitations
from tests.killing import Worker

invitation_sending.LEASE = dt.timedelta(0)  # a dead worker's mails are taken up at once: as if a minute had passed
invitation_sending.SLICE = invite_many.AT_ONCE = 2


def _work(key: str) -> None:
    resume_invitations()
    send_invitations(key)


@everything("a test looks how far it is")
def _so_far(key: str) -> str:
    found = InvitationBatch.objects.get(pk=key)
    return f"{found.state} after {found.dealt} lines and {found.done} mails"


def _send_again(key: str) -> None:
    with everything("a test sends an invitation again"):
        invitation = Invitation.objects.select_related("created_by").get(pk=key)
        if not Entry.objects.filter(verb="invitation.resent", subject_id=key).exists():
            assert invitation.created_by is not None
            resend(invitation=invitation, by=invitation.created_by)
    resume_invitations()


@everything("a test looks how far it is")
def _sent_again_so_far(key: str) -> str:
    found = Invitation.objects.get(pk=key)
    return f"{found.sent_count} mails, {'one' if found.mail_due else 'none'} due"


INVITING = Worker(_work, _so_far)
SENDING_AGAIN = Worker(_send_again, _sent_again_so_far)
