"""Say what is kept of the calls at a place, and how far the platform lets that go.

What was kept and no longer may be goes by the job that `enforcing` is; what was promised for a time is not kept longer
because a policy is loosened later.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Forbidden, Invalid
from tenants.changes import announce
from tenants.data_keys import new_wrapped
from tenants.models import Environment, Tenant
from usage.bodies.enforcing import ask_to_enforce
from usage.bodies.keeping import LONGEST_DAYS, Bound, Keeping
from usage.bodies.stated import keeping_of
from usage.bodies.tables import BodyKey, RetentionBound, RetentionPolicy
from usage.limits.places import Place
from usage.limits.setting import lock

ABOVE = "usage.manage_retention"
SET = "tenants.manage_tenant"  # who answers for a place says what is kept there


class RetentionNotAcceptable(Invalid):
    code = "retention_not_acceptable"


def stated_at(place: Place) -> Keeping | None:
    """What is stated at `place` itself; None: what is above it counts."""
    row = RetentionPolicy.objects.filter(**attached(place)).first()
    return None if row is None else keeping_of(row)


def attached(place: Place) -> dict[str, Any]:
    """What a policy's row holds that is of `place`. Raises `RetentionNotAcceptable` for a key: it has none."""
    if place.level == "key":
        raise RetentionNotAcceptable(
            "What is kept is said of a tenant, a project or an environment, not of a key.", field="place"
        )
    return {name: row for name, row in place.attached.items() if name != "key"}


@transaction.atomic
def set_retention(*, place: Place, keeping: Keeping, by: Any) -> None:
    """State what is kept at `place`, until something nearer says otherwise. In force in every gateway process within
    a second. Raises `RetentionNotAcceptable` naming the field, `TenantArchived`, `ProjectArchived`."""
    refuse_values(keeping)
    where = attached(place)
    lock(place)
    before = stated_at(place)
    if before == keeping:
        return
    if keeping.is_something:
        ensure_key(place.tenant)
    who = by if getattr(by, "pk", None) else None
    RetentionPolicy.objects.update_or_create(
        **where, defaults={**asdict(keeping), "set_at": timezone.now(), "set_by": who}
    )
    record(
        "bodies.retention_changed", by=by, subject=place.row, tenant=place.tenant.slug, place=place.path,
        before=asdict(before) if before else None, after=asdict(keeping),
    )  # fmt: skip
    _changed(place.tenant)


@transaction.atomic
def remove_retention(*, place: Place, by: Any) -> None:
    """State nothing at `place` any more: what is above it counts. A second time changes nothing."""
    where = attached(place)
    lock(place)
    before = stated_at(place)
    if before is None:
        return
    RetentionPolicy.objects.filter(**where).delete()
    record(
        "bodies.retention_removed", by=by, subject=place.row, tenant=place.tenant.slug, place=place.path,
        before=asdict(before),
    )  # fmt: skip
    _changed(place.tenant)


@transaction.atomic
def set_bound(*, kind: str, is_allowed: bool, most_days: int, by: Any) -> None:
    """Say how far content may be kept in environments of `kind`, in every tenant. Raises `RetentionNotAcceptable`."""
    _refuse_days(most_days, "most_days")
    kept, _ = RetentionBound.objects.select_for_update().get_or_create(kind=kind)
    before, after = Bound(kept.is_allowed, kept.most_days), Bound(is_allowed, most_days)
    if before == after:
        return
    kept.is_allowed, kept.most_days, kept.set_at = is_allowed, most_days, timezone.now()
    kept.set_by = by if getattr(by, "pk", None) else None
    kept.save()
    record(
        "bodies.bound_changed", by=by, subject_kind="retention bound", subject_label=Environment.Kind(kind).label,
        before=asdict(before), after=asdict(after),
    )  # fmt: skip
    announce("retention")
    ask_to_enforce()


def require_bound_setter(person: Any) -> None:
    """Raise `Forbidden` unless `person` may say how far tenants may keep content."""
    if not person.has_perm(ABOVE):
        raise Forbidden(
            "This needs the permission “Say how far tenants may keep content”. The platform team has it.",
            permission=ABOVE,
        )


def ensure_key(tenant: Tenant) -> None:
    """Let `tenant` have a data key, under its lock."""
    if not BodyKey.objects.filter(tenant=tenant).exists():
        BodyKey.objects.create(tenant=tenant, wrapped=new_wrapped())


def refuse_values(keeping: Keeping) -> None:
    """Raise `RetentionNotAcceptable`, naming the field, for what no policy can be."""
    _refuse_days(keeping.days, "days")
    if not 1 <= keeping.share <= 100:
        raise RetentionNotAcceptable("Use a whole number from 1 to 100: how many calls of a hundred.", field="share")
    if keeping.media and not keeping.prompts:
        raise RetentionNotAcceptable("Pictures and sound come with what is asked: keep that too.", field="media")


def _refuse_days(days: int, field: str) -> None:
    if not 1 <= days <= LONGEST_DAYS:
        raise RetentionNotAcceptable(f"Use a whole number of days from 1 to {LONGEST_DAYS}.", field=field)


def _changed(tenant: Tenant) -> None:
    announce("retention", tenant.pk)
    ask_to_enforce(tenant)
