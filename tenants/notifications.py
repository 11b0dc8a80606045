"""Put a line into people's bells."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from tenants.models import Notification, Tenant, User


def notify(users: Iterable[User], *, title: str, path: str = "", body: str = "", tenant: Tenant | None = None) -> None:
    """One notification for each of `users` (duplicates once), inside the caller's transaction."""
    Notification.objects.bulk_create(
        Notification(user=user, title=title[:200], body=body, path=path, tenant=tenant)
        for user in {user.pk: user for user in users}.values()
    )


def mark_read(rows: QuerySet[Notification]) -> None:
    """Mark those of `rows` that are unread; a second time changes nothing."""
    rows.filter(read_at=None).update(read_at=timezone.now())
