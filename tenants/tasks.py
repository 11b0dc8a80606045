"""This room's background jobs: invitations of a list, access reviews, keys that expire, what has a time, old notes."""

from __future__ import annotations

from time import monotonic
from uuid import UUID

from celery import shared_task

from tenants import changes, expiring, invite_many, reviewing, timing
from tenants.scope import everything

WORK_S = 15  # with a slice of mails (`invitation_sending.SLICE_S`) less than after what a message is visible again


@shared_task(name="tenants.send_invitations")
@everything("a list is gone on with whoever's tenant it is for")
def send_invitations(key: str) -> None:
    """Go on with a list of invitations for a while, and ask for the rest to be done."""
    until = monotonic() + WORK_S
    while invite_many.go_on(UUID(key)):
        if monotonic() > until:
            send_invitations.delay(key)
            return


@shared_task(name="tenants.resume_invitations")
@everything("lists of every tenant are looked through")
def resume_invitations() -> None:
    """Go on with lists whose sending stopped, and forget those that nobody confirmed."""
    invite_many.resume()


@shared_task(name="tenants.review_access")
@everything("the access reviews of every tenant are looked after")
def review_access() -> None:
    """Begin the access reviews that are due, remind of those that end soon, and conclude those that are over."""
    reviewing.look_after_all()


@shared_task(name="tenants.forget_changes")
def forget_changes() -> int:
    """Drop the notes of changes that every process has read long ago."""
    return changes.forget_old()


@shared_task(name="tenants.settle_elevations")
def settle_elevations() -> int:
    """Let begin and end what people hold for a time."""
    return timing.settle_all()


@shared_task(name="tenants.warn_of_expiring_keys")
def warn_of_expiring_keys() -> int:
    """Tell people of keys that expire soon."""
    return expiring.warn()
