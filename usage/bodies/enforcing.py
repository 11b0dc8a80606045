"""Erase what may not be kept any longer: its time is over, or the policy of its place was tightened since.

A job does it each hour and as soon as a policy changes. Readers are shown nothing whose time is over, also before.
How many calls that concerned is on record for each tenant.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Least
from django.utils import timezone

from audit.record import SYSTEM, record
from tenants.models import Environment, Tenant
from tenants.scope import everything
from usage.bodies.keeping import NOTHING, Keeping, nearest
from usage.bodies.stated import bounds_by_kind, stated_in
from usage.bodies.tables import Body, Unkept

UNKEPT_KEPT_FOR = dt.timedelta(days=90)


def ask_to_enforce(tenant: Tenant | None = None) -> None:
    """Let a worker do it now, for one tenant or all of them, once this transaction is done."""
    from usage.tasks import enforce_retention  # tasks need this module

    named = str(tenant.pk) if tenant else None
    transaction.on_commit(lambda: enforce_retention.delay(named), robust=True)


@everything("content that may not be kept any longer is erased in every tenant")
def enforce(tenant: UUID | None = None) -> int:
    """Erase it, everywhere or in one tenant; the content of how many calls was erased, as a whole or a part of it."""
    now = timezone.now()
    rows = Body.objects.filter(tenant=tenant) if tenant else Body.objects.all()
    erased = sum(_in_tenant(each, now) for each in rows.order_by().values_list("tenant", flat=True).distinct())
    if tenant is None:
        Unkept.objects.filter(day__lt=(now - UNKEPT_KEPT_FOR).date()).delete()
    return erased


@transaction.atomic
def _in_tenant(tenant: UUID, now: dt.datetime) -> int:
    owner = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant).first()
    if owner is None:
        return 0
    rows, gone = Body.objects.filter(tenant=tenant), Counter[str]()
    gone["over"] = _delete(rows.filter(erase_at__lte=now))
    for environment, keeping in _kept_where(rows):
        gone["policy"] += _tightened(rows.filter(environment=environment), keeping, now)
    if count := gone.total():
        record(
            "bodies.expired", by=SYSTEM, subject=owner, tenant=owner.slug, time_over=gone["over"],
            by_policy=gone["policy"],
        )  # fmt: skip
    return count


def _kept_where(rows: QuerySet[Body]) -> Iterable[tuple[UUID, Keeping]]:
    """The environments that content of `rows` is of, with what may be kept there now."""
    found = Environment.objects.filter(pk__in=rows.order_by().values("environment").distinct())
    bounds, stated = bounds_by_kind(), dict[UUID, dict[UUID, Keeping]]()
    for place in found:
        here = stated.setdefault(place.tenant_id, stated_in(place.tenant_id))
        wanted = nearest(here, (place.pk, place.project_id, place.tenant_id)) or NOTHING
        yield place.pk, bounds[place.kind].applied_to(wanted)


def _tightened(rows: QuerySet[Body], keeping: Keeping, now: dt.datetime) -> int:
    """Bring `rows` of one environment within `keeping`. How many of a hundred are kept says nothing of those that are
    kept already."""
    if not keeping.is_something:
        return _delete(rows)
    count = _delete(rows.filter(started_at__lte=now - dt.timedelta(days=keeping.days)))
    if keeping.only_failed:
        count += _delete(rows.filter(has_failed=False))
    if not keeping.media:  # what is sealed is not opened for it: what was asked goes as a whole
        with_media = rows.filter(has_media=True).exclude(prompt=None)
        count += with_media.update(prompt=None, prompt_bytes=0, has_media=False)
    for part, is_kept in (("prompt", keeping.prompts), ("answer", keeping.answers)):
        if not is_kept:
            count += rows.exclude(**{part: None}).update(**{part: None, f"{part}_bytes": 0})
    _delete(rows.filter(prompt=None, answer=None))
    latest = F("started_at") + dt.timedelta(days=keeping.days)
    rows.filter(erase_at__gt=latest).update(erase_at=Least(F("erase_at"), latest))
    return count


def _delete(rows: QuerySet[Body]) -> int:
    return rows._raw_delete(rows.db)
