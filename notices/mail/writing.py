"""Write the letters of notifications, in the transaction of the verb that notifies; nothing is sent here."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils import timezone

from notices.mail.choosing import FIRST_HOUR, how_of
from notices.mail.tables import DigestHour, Letter
from tenants.invitation_mail import mail_leaves
from tenants.models import Notification
from tenants.notice_kinds import AT_ONCE, DAILY, KINDS, NEVER


def write_letters(told: list[Notification]) -> None:
    """A letter for each of `told` whose person gets mails of this kind; all are of one kind and tenant."""
    people = [each.user for each in told if each.user.is_active and not each.user.is_service]
    if not people or not mail_leaves():  # then nothing piles up
        return
    how = how_of(people, KINDS[told[0].kind], told[0].tenant)
    daily = [key for key, chosen in how.items() if chosen == DAILY]
    hours = dict(DigestHour.objects.filter(user__in=daily).values_list("user", "hour")) if daily else {}
    now = timezone.now()
    Letter.objects.bulk_create(
        Letter(
            notification=each,
            tenant=each.tenant,
            user=each.user,
            how=how[each.user.pk],
            due_at=now
            if how[each.user.pk] == AT_ONCE
            else next_digest(each.user.time_zone, hours.get(each.user.pk, FIRST_HOUR), now),
        )
        for each in told
        if how.get(each.user.pk, NEVER) != NEVER
    )


def next_digest(time_zone: str, hour: int, now: dt.datetime) -> dt.datetime:
    """The next moment at which it is `hour` o'clock in `time_zone`, as UTC.

    In the night when clocks go forward an hour that does not exist is the one after it.
    """
    zone = ZoneInfo(time_zone)
    local = now.astimezone(zone)
    due = dt.datetime.combine(local.date(), dt.time(hour), zone)
    if due <= local:
        due = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(hour), zone)
    return due.astimezone(dt.UTC)
