"""What people say about themselves: name, time zone, theme."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.db import transaction

from audit.record import record
from tenants.models import User

RECORDED = ("display_name", "time_zone")  # how others read this person, and when


@cache
def time_zones() -> list[str]:
    """The zones that may be chosen: UTC and those named after places."""
    named = (zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return ["UTC", *sorted(named)]


@transaction.atomic
def change_settings(*, user: User, **given: str) -> User:
    """Change `display_name`, `time_zone` or `theme` of `user`, who alone may; the values were checked.

    What changed of the name and the zone is one entry with before and after.
    """
    kept = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    changed: dict[str, Any] = {
        name: {"before": getattr(kept, name), "after": given[name]}
        for name in RECORDED
        if name in given and getattr(kept, name) != given[name]
    }
    for name, value in given.items():
        setattr(kept, name, value)
    kept.save(update_fields=list(given))
    if changed:
        record("person.settings_changed", by=kept, subject=kept, **changed)
    return kept
