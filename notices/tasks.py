"""This room's background jobs: letters and webhooks leave, and what is long done is forgotten."""

from __future__ import annotations

from celery import shared_task

from notices.mail import sending
from notices.webhooks import delivering


@shared_task(name="notices.send_mail")
def send_mail() -> int:
    """Send the letters that are due."""
    return sending.send_due()


@shared_task(name="notices.deliver_due")
def deliver_due() -> int:
    """Ask for a delivery to each address that something waits for."""
    waiting = delivering.waiting()
    for key in waiting:
        deliver.apply_async([key], expires=delivering.BUSY_S)
    return len(waiting)


@shared_task(name="notices.deliver")
def deliver(endpoint: str) -> int:
    """Deliver what waits for one address."""
    return delivering.deliver(endpoint)


@shared_task(name="notices.forget")
def forget() -> int:
    """Forget letters and deliveries of long ago."""
    return sending.forget() + delivering.forget()
