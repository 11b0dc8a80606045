"""Somebody stands in for a member who is away: they hold, in that time, what the role of the absent one gives then.

Never more than the absent one holds by their membership: what is lent to them they do not lend on, and when they lose
it, so does who stands in (`tenants.holding`).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.elevating import NotAMember
from tenants.elevations import Elevation
from tenants.holding import settle
from tenants.models import Membership, Tenant, User
from tenants.notifications import notify
from tenants.timing import facts_of, settle_due, what_began

LONGEST = dt.timedelta(days=60)
EARLIEST = dt.timedelta(days=365)  # from now


class StandInNamed(Conflict):
    code = "stand_in_named"
    title = "One stand-in at a time"


class PeriodNotUnderstood(Invalid):
    code = "period_not_understood"


@transaction.atomic
def name_stand_in(
    *, tenant: Tenant, person: User, starts_at: dt.datetime, ends_at: dt.datetime, reason: str = "", by: User
) -> Elevation:
    """Let `person` stand in for `by` from `starts_at` (now, if that is past) to `ends_at`.

    Raises `NotAMember` (either of the two; also a service account and who is switched off), `StandInNamed`,
    `PeriodNotUnderstood`, `TenantArchived`.
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # as every change of members does
    refuse_archived(locked)
    now = timezone.now()
    starts_at = max(starts_at, now)
    if ends_at <= starts_at:
        raise PeriodNotUnderstood("The end is after the beginning, and not past.", field="ends_at")
    if ends_at - starts_at > LONGEST:
        raise PeriodNotUnderstood(f"At most {LONGEST.days} days. Name somebody again then.", field="ends_at")
    if starts_at - now > EARLIEST:
        raise PeriodNotUnderstood("It begins within a year.", field="starts_at")
    if person == by:
        raise NotAMember("Name somebody else: you cannot stand in for yourself.", field="person")
    rows = Membership.objects.filter(tenant=locked, user__in=(person, by), user__is_active=True, user__is_service=False)
    members = set(rows.values_list("user_id", flat=True))
    for each, field in ((by, ""), (person, "person")):
        if each.pk not in members:
            raise NotAMember(f"{each} is no member of {locked} who signs in.", field=field)
    settle_due(locked.pk)
    if Elevation.objects.open().filter(tenant=locked, absent=by).exists():
        raise StandInNamed("You have named somebody already. End that first.")
    made = Elevation.objects.create(
        tenant=locked, user=person, absent=by, created_by=by, answered_by=by, granted_at=now, starts_at=starts_at,
        ends_at=ends_at, began_at=now if starts_at <= now else None, reason=reason.replace("\x00", "").strip()[:500],
        hours=max(1, round((ends_at - starts_at).total_seconds() / 3600)),
    )  # fmt: skip
    settle(locked, [person.pk])
    record("standin.named", by=by, subject=made, tenant=locked.slug, **facts_of(made))
    notify(
        [person], kind="membership", title=what_began(made), path=f"/tenants/{locked.slug}/elevations/", tenant=locked,
        body=f"From {starts_at:%-d %B, %H:%M} UTC on you hold what {by} holds. {made.reason}".strip(),
    )  # fmt: skip
    return made


def candidates(tenant: Tenant, absent: User) -> list[User]:
    """The members who can be named."""
    rows = User.objects.filter(memberships__tenant=tenant, is_active=True, is_service=False).exclude(pk=absent.pk)
    return list(rows.order_by("display_name", "username"))
