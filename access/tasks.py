"""What this room does in the background: setting up teams that a board admitted, erasing those that leave."""

from __future__ import annotations

from celery import shared_task

from access import expiring
from access.offboarding import job
from access.onboarding import provisioning


@shared_task(name="access.provision")
def provision(key: str) -> None:
    """Set up a tenant that a board admitted."""
    provisioning.run(key)


@shared_task(name="access.resume_provisioning")
def resume_provisioning() -> int:
    """Go on with setting up tenants where a worker died."""
    return len(provisioning.left_behind())


@shared_task(name="access.offboard")
def offboard(key: str) -> None:
    """Pack a tenant that leaves, or erase it when its time has come."""
    job.run(key)


@shared_task(name="access.resume_offboarding")
def resume_offboarding() -> int:
    """Begin to erase tenants whose time is over, and go on where a worker died."""
    return job.due()


@shared_task(name="access.warn_of_ends")
def warn_of_ends() -> int:
    """Tell people of access that ends soon."""
    return expiring.warn()
