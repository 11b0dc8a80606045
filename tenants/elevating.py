"""A stronger role for a time: a member asks and somebody who may give it decides, or gives it unasked.

It begins when it is granted and ends by itself (`tenants.timing`). Nobody decides on what they asked for themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid
from tenants.archiving import refuse_archived
from tenants.custom_roles import known_role, roles_of
from tenants.delegation import MANAGE_MEMBERS, require_assignable
from tenants.elevations import ANSWERED_WITHIN, Elevation
from tenants.holding import lasting, settle
from tenants.models import Membership, Tenant, User
from tenants.notifications import notify
from tenants.roles import Role
from tenants.scoping import lacking, may, members_who_may
from tenants.timing import facts_of, settle_due, what_began

LONGEST_HOURS = 14 * 24


class NotAMember(Invalid):
    code = "not_a_member"


class HeldAlready(Conflict):
    code = "held_already"
    title = "They may all of this already"


class ElevationOpen(Conflict):
    code = "elevation_open"
    title = "One at a time"


class AnsweredAlready(Conflict):
    code = "answered_already"
    title = "This was answered already"


class NotYourself(Forbidden):
    code = "not_yourself"
    title = "Somebody else decides this"


@transaction.atomic
def ask(*, tenant: Tenant, role: str, hours: int, reason: str, by: User) -> Elevation:
    """Ask for `role` for `hours`. Raises `NotAMember`, `HeldAlready`, `ElevationOpen`, `UnknownRole`, `Invalid`,
    `TenantArchived`."""
    locked, wanted = _checked(tenant, by, role, hours, reason)
    made = _made(locked, by, role, hours, reason, by=by)
    record("elevation.asked", by=by, subject=made, tenant=locked.slug, hours=hours, **facts_of(made))
    notify(
        [each for each in who_may_give(locked, wanted) if each != by], kind="turn",
        title=f"{by} asks to be {wanted.name} of {locked} for {in_words(hours)}", body=made.reason, path=_page(locked),
        tenant=locked,
    )  # fmt: skip
    return made


@transaction.atomic
def give(*, tenant: Tenant, user: User, role: str, hours: int, reason: str, by: User) -> Elevation:
    """Give `role` to a member for `hours` from now on.

    Whether `by` may give it is looked at under the lock. Raises what `ask` does, `RoleAboveYours`, `NotYourself`,
    `Forbidden`.
    """
    if user == by:
        raise NotYourself("You cannot give yourself a role. Ask for it: somebody else decides.", field="person")
    locked, _ = _checked(tenant, user, role, hours, reason)
    _require_giver(by, locked, role)
    made = _made(locked, user, role, hours, reason, by=by)
    _begin(made, by)
    record("elevation.given", by=by, subject=made, tenant=locked.slug, hours=hours, **facts_of(made))
    return made


@transaction.atomic
def grant(*, elevation: Elevation, by: User) -> Elevation:
    """Let it begin. Raises `AnsweredAlready`, `NotYourself`, `NotAMember`, `RoleAboveYours`, `TenantArchived`."""
    refuse_archived(_locked(elevation.tenant))
    locked, found = _waiting(elevation)
    _refuse_own(found, by)
    _require_giver(by, locked, found.role)
    known_role(locked, found.role)
    _member(locked, found.user)
    _begin(found, by)
    record("elevation.granted", by=by, subject=found, tenant=locked.slug, hours=found.hours, **facts_of(found))
    return found


@transaction.atomic
def decline(*, elevation: Elevation, reason: str, by: User) -> Elevation:
    """Do not give it, and say why. Raises `AnsweredAlready`, `NotYourself`, `RoleAboveYours`, `Invalid`."""
    said = _text(reason, "reason")
    locked, found = _waiting(elevation)
    _refuse_own(found, by)
    _require_giver(by, locked, found.role)
    found.declined_at, found.answered_by, found.answer = timezone.now(), by, said
    found.save(update_fields=["declined_at", "answered_by", "answer"])
    record("elevation.declined", by=by, subject=found, tenant=locked.slug, answer=said, **facts_of(found))
    notify(
        [found.user], kind="decision", title=f"You do not become {_name(locked, found.role)} of {locked}", body=said,
        path=_page(locked), tenant=locked,
    )  # fmt: skip
    return found


@transaction.atomic
def withdraw(*, elevation: Elevation, by: User) -> Elevation:
    """Take back what one asked for; a second time changes nothing. Raises `AnsweredAlready`, `NotYourself`."""
    if elevation.user_id != by.pk:
        raise NotYourself(f"{elevation.user} asked for this; only they take it back.")
    locked = _locked(tenant=elevation.tenant)
    found = _row(elevation)
    if found.withdrawn_at is None:
        if found.granted_at is not None or found.declined_at is not None:
            raise AnsweredAlready("It was answered in the meantime.")
        found.withdrawn_at = timezone.now()
        found.save(update_fields=["withdrawn_at"])
        record("elevation.withdrawn", by=by, subject=found, tenant=locked.slug, **facts_of(found))
    return found


def require_ender(viewer: User, elevation: Elevation) -> None:
    """Raise unless `viewer` may end it: who holds it, who is away, and who could give it, or their role."""
    if viewer.pk not in (elevation.user_id, elevation.absent_id):
        _require_giver(viewer, elevation.tenant, role_behind(elevation))


def role_behind(elevation: Elevation) -> str:
    """The slug of the role that it gives; of whom it is lent by, theirs now."""
    if elevation.absent_id is None:
        return elevation.role
    return roles_behind([elevation]).get(elevation.pk, "")


def roles_behind(elevations: Sequence[Elevation]) -> dict[UUID, str]:
    """The same for several of one tenant, by their keys: one query at most. Who is absent and no member has none."""
    absent = [each for each in elevations if each.absent_id is not None]
    rows: Any = Membership.objects.none()
    if absent:
        rows = Membership.objects.filter(tenant=absent[0].tenant_id, user__in=[each.absent_id for each in absent])
    roles = dict(rows.values_list("user_id", "role"))
    return {each.pk: roles.get(each.absent_id, "") if each.absent_id else each.role for each in elevations}


def who_may_give(tenant: Tenant, role: Role) -> list[User]:
    """The members whose own role lets them give `role`."""
    people = list(members_who_may(MANAGE_MEMBERS, tenant))
    own = lasting(tenant, [person.pk for person in people])
    return [person for person in people if role.permissions <= own.get(person.pk, frozenset())]


def in_words(hours: int) -> str:
    """`3 hours`, `2 days`."""
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'s' * (number != 1)}"


def _checked(tenant: Tenant, user: User, role: str, hours: int, reason: str) -> tuple[Tenant, Role]:
    locked = _locked(tenant)
    refuse_archived(locked)
    wanted = known_role(locked, role)
    _text(reason, "reason")
    if not 1 <= hours <= LONGEST_HOURS:
        raise Invalid("From one hour to 14 days.", field="hours")
    _member(locked, user)
    if wanted.permissions <= lasting(locked, [user.pk])[user.pk]:
        raise HeldAlready(f"{user} may all that {wanted.name} may already.", field="role")
    settle_due(locked.pk)
    late = Elevation.objects.open().filter(tenant=locked, user=user, absent=None, granted_at=None)
    late.filter(created_at__lte=timezone.now() - ANSWERED_WITHIN).update(withdrawn_at=timezone.now())
    if Elevation.objects.open().filter(tenant=locked, user=user, absent=None).exists():
        raise ElevationOpen(f"{user} has asked for a role, or has one for a time, already. End that first.")
    return locked, wanted


def _made(tenant: Tenant, user: User, role: str, hours: int, reason: str, *, by: User) -> Elevation:
    return Elevation.objects.create(
        tenant=tenant, user=user, role=role, hours=hours, reason=_text(reason, "reason"), created_by=by
    )


def _begin(elevation: Elevation, by: User) -> None:
    now = timezone.now()
    elevation.granted_at = elevation.starts_at = elevation.began_at = now
    elevation.ends_at, elevation.answered_by = now + dt.timedelta(hours=elevation.hours), by
    elevation.save(update_fields=["granted_at", "starts_at", "began_at", "ends_at", "answered_by"])
    settle(elevation.tenant, [elevation.user_id])
    notify(
        [elevation.user], kind="decision", title=what_began(elevation), body=elevation.reason,
        path=_page(elevation.tenant), tenant=elevation.tenant,
    )  # fmt: skip


def _member(tenant: Tenant, user: User) -> Membership:
    found = Membership.objects.filter(tenant=tenant, user=user, user__is_active=True, user__is_service=False).first()
    if found is None:
        raise NotAMember(f"{user} is no member of {tenant} who signs in.", field="person")
    return found


def _require_giver(by: User, tenant: Tenant, role: str) -> None:
    if not may(by, MANAGE_MEMBERS, tenant):
        raise lacking(MANAGE_MEMBERS, tenant)
    require_assignable(by, tenant, None, role)


def _refuse_own(elevation: Elevation, by: User) -> None:
    if by.pk == elevation.user_id:
        raise NotYourself("You asked for this yourself; somebody else decides.")


def _text(text: str, field: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text or len(text) > 500:
        raise Invalid("Say in up to 500 characters why.", field=field)
    return text


def _locked(tenant: Tenant) -> Tenant:
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # as every change of members does


def _row(elevation: Elevation) -> Elevation:
    return Elevation.objects.select_related("tenant", "user", "absent", "created_by").get(pk=elevation.pk)


def _waiting(elevation: Elevation) -> tuple[Tenant, Elevation]:
    locked, found = _locked(elevation.tenant), _row(elevation)
    if found.state != "waiting":
        words: dict[str, Any] = {
            "withdrawn": "It was taken back, or the membership ended.",
            "expired": f"It is older than {ANSWERED_WITHIN.days} days.",
        }
        raise AnsweredAlready(words.get(found.state, "Somebody answered it in the meantime. Nothing was changed."))
    return locked, found


def _name(tenant: Tenant, role: str) -> str:
    known = roles_of(tenant).get(role)
    return known.name if known else role


def _page(tenant: Tenant) -> str:
    return f"/tenants/{tenant.slug}/elevations/"
