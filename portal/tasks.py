"""The portal's own background jobs."""

from celery import shared_task

from portal import pulse

SCHEDULE = {"portal.pulse": float(pulse.EVERY_S)}


@shared_task(name="portal.pulse", expires=4 * pulse.EVERY_S)
def beat() -> None:
    """Show that beat, queue and worker are at work."""
    pulse.beat()
