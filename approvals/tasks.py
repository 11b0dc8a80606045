"""What governance does by itself: requests that nobody decided end, and approvals with their validity."""

from celery import shared_task

from approvals.expiring import expire_overdue, lapse_ended
from tenants.scope import everything


@shared_task(name="approvals.expire_requests")
@everything("requests of every tenant end when their time is over")
def expire_requests() -> int:
    """Expire what is open for too long and end what is no longer valid; how many. Beat asks every hour."""
    return expire_overdue() + lapse_ended()
