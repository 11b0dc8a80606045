"""The portal's own background jobs."""

from celery import shared_task

from portal import audit_watch, pulse
from tenants.scope import everything


@shared_task(name="portal.pulse")
def beat() -> None:
    """Show that beat, queue and worker are at work."""
    pulse.beat()


@shared_task(name="portal.tell_of_a_broken_audit")
@everything("who may read the audit is told of it, whatever their tenants")
def tell_of_a_broken_audit() -> int:
    """Tell who may see the audit that a verification found something, where that was not told yet."""
    return audit_watch.tell_of_findings()
