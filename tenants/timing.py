"""What is held for a time begins and ends: by itself when its time has come, or earlier with what it stands on.

A job takes what is over every half minute, and nobody has to rely on it: whoever comes with a session or a token is
looked at first (`settle_person`, told by the same query that finds them), so that what is over opens nothing for them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from audit.record import SYSTEM, record
from refusals.errors import Conflict
from tenants.custom_roles import name_of
from tenants.elevations import Elevation, Elevations
from tenants.holding import settle
from tenants.models import Tenant, User
from tenants.notifications import notify
from tenants.scope import everything


class ElevationOver(Conflict):
    """It ended by itself or was ended meanwhile."""

    code = "elevation_over"
    title = "This is over"


def holds_for_a_time(person: str) -> Exists:
    """For a query of people, or of what leads to them: whether they hold something for a time, or will, or did and it
    was not taken yet. `person` is the column of their key."""
    return Exists(Elevation.objects.given().filter(user=OuterRef(person)))


def holds_now(person: str) -> Exists:
    """For a query of what belongs to a tenant and leads to people: whether they hold something for a time there now."""
    return Exists(Elevation.objects.live().filter(user=OuterRef(person), tenant=OuterRef("tenant")))


@everything("what is over ends whichever tenant it is in")
def settle_person(person: UUID) -> None:
    """Let begin and end what is due of one person."""
    tenants = set(Elevation.objects.due().filter(user=person).values_list("tenant_id", flat=True))
    for tenant in sorted(tenants):
        settle_due(tenant)


@everything("what is over ends in every tenant")
def settle_all() -> int:
    """Let begin and end what is due anywhere; in how many tenants there was something."""
    tenants = sorted(set(Elevation.objects.due().values_list("tenant_id", flat=True)))
    for tenant in tenants:
        settle_due(tenant)
    return len(tenants)


@transaction.atomic
def settle_due(tenant: UUID) -> None:
    """Let begin and end what is due in one tenant."""
    locked = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant).first()
    if locked is None:
        return
    now = timezone.now()
    rows = list(_rows().due().filter(tenant=locked).order_by("starts_at", "pk"))
    for each in rows:
        if each.ends_at is not None and each.ends_at <= now:
            each.ended_at = each.ends_at
        else:
            each.began_at = now
        each.save(update_fields=["ended_at", "began_at"])
    if rows:
        settle(locked, {each.user_id for each in rows})
    for each in rows:
        verb = "elevation.began" if each.ended_at is None else "elevation.lapsed"
        _tell(each, what_began(each) if each.ended_at is None else _what_ended(each))
        record(verb, by=SYSTEM, subject=each, tenant=locked.slug, **facts_of(each))


@transaction.atomic
def end(*, elevation: Elevation, by: Any) -> Elevation:
    """Take back at once what was given for a time, or will be; a second time changes nothing.

    Whether `by` may the caller asked. Raises `ElevationOver` for what nobody has granted.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=elevation.tenant_id)
    found = _rows().get(pk=elevation.pk)
    if found.granted_at is None:
        raise ElevationOver("Nobody has granted this: it is answered, or taken back.")
    if found.ended_at is None:
        _end([found], tenant, by)
    return found


def end_all(tenant: Tenant, *, by: Any, user: User | None = None, role: str = "") -> None:
    """End what is open in `tenant`: of one person, also where somebody stands in for them; or with one role.

    Call under the lock of the tenant's row; what was only asked for is withdrawn.
    """
    rows = _rows().open().filter(tenant=tenant)
    if user is not None:
        rows = rows.filter(Q(user=user) | Q(absent=user))
    if role:
        rows = rows.filter(role=role)
    found = list(rows.order_by("created_at", "pk"))
    asked = [each.pk for each in found if each.granted_at is None]
    Elevation.objects.filter(pk__in=asked).update(withdrawn_at=timezone.now())
    _end([each for each in found if each.granted_at is not None], tenant, by)


@everything("what somebody who is switched off held for a time ends in every tenant")
def hold_tenants_of(user: User) -> list[Tenant]:
    """The tenants in which `user` holds something for a time, or lends it, locked before their own row is."""
    mine = Elevation.objects.open().filter(Q(user=user) | Q(absent=user)).values("tenant")
    return list(Tenant.objects.select_for_update(no_key=True).filter(pk__in=mine).order_by("pk"))


@everything("what somebody who is switched off held for a time ends in every tenant")
def end_of_person(user: User, tenants: list[Tenant], *, by: Any) -> None:
    """End whatever `user` holds for a time, and lends, in `tenants`, which `hold_tenants_of` locked."""
    for tenant in tenants:
        end_all(tenant, by=by, user=user)


def live_of(tenant: Tenant, people: Any = None) -> list[Elevation]:
    """What is held for a time in `tenant` now, the first to end first; of `people` alone where they are given."""
    rows = _rows().live().filter(tenant=tenant)
    rows = rows if people is None else rows.filter(user__in=people)
    return list(rows.order_by("ends_at", "pk"))


def facts_of(elevation: Elevation) -> dict[str, Any]:
    """What the audit keeps of it."""
    absent = elevation.absent.username if elevation.absent else None
    return {
        "user": elevation.user.username, "role": elevation.role, "for": absent, "reason": elevation.reason,
        "from": _iso(elevation.starts_at), "until": _iso(elevation.ends_at),
    }  # fmt: skip


def what_began(elevation: Elevation) -> str:
    """The title of the notice."""
    until = f"{elevation.ends_at:%-d %B, %H:%M} UTC"
    if elevation.absent:
        return f"{elevation.user} stands in for {elevation.absent} in {elevation.tenant} until {until}"
    role = name_of(elevation.tenant, elevation.role)
    return f"{elevation.user} is {role} of {elevation.tenant} until {until}"


def _what_ended(elevation: Elevation) -> str:
    if elevation.absent:
        return f"{elevation.user} no longer stands in for {elevation.absent} in {elevation.tenant}"
    return f"{elevation.user} is no longer {name_of(elevation.tenant, elevation.role)} of {elevation.tenant}"


def _end(rows: list[Elevation], tenant: Tenant, by: Any) -> None:
    now = timezone.now()
    for each in rows:
        over = each.ends_at is not None and each.ends_at <= now
        each.ended_at, each.ended_by = now, by if isinstance(by, User) and not over else None
        each.save(update_fields=["ended_at", "ended_by"])
    if rows:
        settle(tenant, {each.user_id for each in rows})
    for each in rows:
        _tell(each, _what_ended(each), but=by)
        record("elevation.ended", by=by, subject=each, tenant=tenant.slug, **facts_of(each))


def _tell(elevation: Elevation, title: str, but: Any = None) -> None:
    """Both: who holds it, and who gave it or is away."""
    both = {elevation.user, elevation.absent or elevation.answered_by or elevation.created_by} - {None, but}
    people = [person for person in both if person is not None and person.is_active]
    path = f"/tenants/{elevation.tenant.slug}/elevations/"
    notify(people, kind="membership", title=title, body=elevation.reason, path=path, tenant=elevation.tenant)


def _rows() -> Elevations:
    return Elevation.objects.select_related("tenant", "user", "absent", "created_by", "answered_by")


def _iso(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None
