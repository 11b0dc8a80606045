"""What governance does by itself: requests that nobody decided end."""

from celery import shared_task

from approvals.expiring import expire_overdue
from tenants.scope import everything


@shared_task(name="approvals.expire_requests")
@everything("requests of every tenant end when their time is over")
def expire_requests() -> int:
    """Expire what is open for too long; beat asks every hour."""
    return expire_overdue()
