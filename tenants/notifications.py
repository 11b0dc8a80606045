"""Put a line into people's bells."""

from __future__ import annotations

from collections.abc import Iterable

from tenants.models import Notification, Tenant, User


def notify(users: Iterable[User], *, title: str, path: str = "", body: str = "", tenant: Tenant | None = None) -> None:
    """One notification for each of `users` (duplicates once), inside the caller's transaction."""
    Notification.objects.bulk_create(
        Notification(user=user, title=title[:200], body=body, path=path, tenant=tenant)
        for user in {user.pk: user for user in users}.values()
    )
