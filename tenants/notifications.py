"""Put a line into people's bells, find it again, and mark it read."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import Notification, Tenant, User


def notify(users: Iterable[User], *, title: str, path: str = "", body: str = "", tenant: Tenant | None = None) -> None:
    """One notification for each of `users` (duplicates once), inside the caller's transaction."""
    Notification.objects.bulk_create(
        Notification(user=user, title=title[:200], body=body, path=path, tenant=tenant)
        for user in {user.pk: user for user in users}.values()
    )


def find(viewer: User, *, text: str = "", unread: bool | None = None) -> QuerySet[Notification]:
    """The notifications of `viewer` with every word of `text`, read and unread ones unless told."""
    rows = Notification.objects.filter(user=viewer)
    for word in text.split():
        rows = rows.filter(Q(title__icontains=word) | Q(body__icontains=word) | Q(tenant__name__icontains=word))
    return rows if unread is None else rows.filter(read_at__isnull=unread)


def mark_read(rows: QuerySet[Notification]) -> None:
    """Mark those of `rows` that are unread; a second time changes nothing."""
    rows.filter(read_at=None).update(read_at=timezone.now())
