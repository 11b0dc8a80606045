"""What workers do with a list of invitations, for tests that kill them (`tests.killing`)."""

from __future__ import annotations

import datetime as dt

from tenants import invitation_sending, invite_many
from tenants.arrivals import InvitationBatch
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


INVITING = Worker(_work, _so_far)
