"""Put a line into people's bells, find it again, and mark it read. Who sends it by mail registers with `when_told`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import Notification, Tenant, User
from tenants.notice_kinds import KINDS

_listeners: list[Callable[[list[Notification]], None]] = []


def when_told(listener: Callable[[list[Notification]], None]) -> None:
    """Call `listener` with the notifications of every `notify`, in the transaction that wrote them."""
    if listener not in _listeners:
        _listeners.append(listener)


def notify(
    users: Iterable[User], *, kind: str, title: str, path: str = "", body: str = "", tenant: Tenant | None = None
) -> None:
    """One notification for each of `users` (duplicates once), inside the caller's transaction.

    `kind` is one of `tenants.notice_kinds.KINDS`: it decides whether and when a mail says the same.
    """
    told = Notification.objects.bulk_create(
        Notification(user=user, kind=KINDS[kind].slug, title=title[:200], body=body, path=path, tenant=tenant)
        for user in {user.pk: user for user in users}.values()
    )
    for listener in _listeners if told else ():
        listener(told)


def find(viewer: User, *, text: str = "", unread: bool | None = None) -> QuerySet[Notification]:
    """The notifications of `viewer` with every word of `text`, read and unread ones unless told."""
    rows = Notification.objects.filter(user=viewer)
    for word in text.split():
        rows = rows.filter(Q(title__icontains=word) | Q(body__icontains=word) | Q(tenant__name__icontains=word))
    return rows if unread is None else rows.filter(read_at__isnull=unread)


def mark_read(rows: QuerySet[Notification]) -> None:
    """Mark those of `rows` that are unread; a second time changes nothing."""
    rows.filter(read_at=None).update(read_at=timezone.now())
