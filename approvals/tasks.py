"""What governance does by itself: requests that nobody decided end."""

from celery import shared_task

from approvals.expiring import expire_overdue


@shared_task(name="approvals.expire_requests")
def expire_requests() -> int:
    """Expire what is open for too long; beat asks every hour."""
    return expire_overdue()
