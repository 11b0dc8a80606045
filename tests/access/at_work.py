"""What workers do when a team is set up and when a tenant leaves, for tests that kill them (`tests.killing`)."""

from __future__ import annotations

import datetime as dt

from access.models import Offboarding, Onboarding
from access.tasks import offboard, provision, resume_offboarding, resume_provisioning
from tenants import invitation_sending
from tenants.scope import everything
from tenants.tasks import resume_invitations
from tests.killing import Worker

invitation_sending.LEASE = dt.timedelta(0)  # a dead worker's mails are taken up at once: as if a minute had passed


def _set_up(key: str) -> None:
    resume_provisioning()
    provision(key)
    resume_invitations()


def _leave(key: str) -> None:
    offboard(key)
    resume_offboarding()
    offboard(key)


@everything("a test looks how far it is")
def _set_up_so_far(key: str) -> str:
    found = Onboarding.objects.get(pk=key)
    return f"{found.state} after {len(found.progress)} parts"


@everything("a test looks how far it is")
def _left_so_far(key: str) -> str:
    found = Offboarding.objects.get(pk=key)
    return f"{found.state} after {len(found.progress)} parts"


SETTING_UP = Worker(_set_up, _set_up_so_far, noted_in=Onboarding._meta.db_table)
LEAVING = Worker(_leave, _left_so_far, noted_in=Offboarding._meta.db_table)
