"""What keys and tokens have in common when they are issued: a name that can be kept, and an end that lies ahead."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from refusals.errors import Invalid
from tenants.names import all_seen, require_form

LONGEST_NAME = 80
LAST_YEAR = 2200


class NameNotUnderstood(Invalid):
    code = "name_not_understood"


class ExpiryInThePast(Invalid):
    code = "expiry_in_the_past"


class ExpiryTooFar(Invalid):
    code = "expiry_too_far"


def named(name: str, *, otherwise: str) -> str:
    """`name` as it is kept, `otherwise` where it is blank. Raises `NameNotUnderstood`."""
    kept = name.strip() or otherwise
    require_form(all_seen, kept, NameNotUnderstood, field="name")
    if len(kept) > LONGEST_NAME:
        raise NameNotUnderstood(
            f"The name has {len(kept)} characters; {LONGEST_NAME} is the most. Choose a shorter one.", field="name"
        )
    return kept


def check_expiry(expires_at: dt.datetime | None, *, what: str) -> None:
    """Refuse an end of `what` (“key”) that has passed or that no calendar reaches. None is for never."""
    if expires_at is None:
        return
    if expires_at <= timezone.now():
        raise ExpiryInThePast(f"The {what} would already have expired. Choose a later date.", field="expires_at")
    if expires_at.year > LAST_YEAR:
        raise ExpiryTooFar(f"Choose a date before {LAST_YEAR + 1}, or “Never”.", field="expires_at")
