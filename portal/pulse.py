"""The pulse: a small job that beat sends and a worker takes, which proves that the chain behind the pages works."""

from __future__ import annotations

import datetime as dt

from django.core.cache import cache
from django.utils import timezone

KEY = "portal:pulse"
KEPT_S = 7 * 24 * 3600


def beat() -> None:
    """Note that a job arrived just now."""
    cache.set(KEY, timezone.now(), KEPT_S)


def last() -> dt.datetime | None:
    """When a job last arrived, or None where none did in a week."""
    seen: dt.datetime | None = cache.get(KEY)
    return seen
