"""One look at a tenant's calls: those under way, and those that ended since a moment. Each is a few short statements in
a scope made anew, so who may not look any more finds nothing the next time.

Ends are read from the ledger alone. By its index on the time of starting only calls of the last half minute are looked
for; those that took longer were told as running before, and are looked for by their identifiers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils import timezone

from tenants.models import Tenant, User
from tenants.scoping import find_tenant, tenants_for
from usage.filters import LONGEST, FilterNotUnderstood, Filters, filters_of
from usage.models import Call
from usage.scope import sight_of
from usage.tail.tables import RunningCall
from usage.tail.watching import LIVES_FOR_S, watch

MOST = 100  # calls of a kind in one look
STARTED_WITHIN = dt.timedelta(seconds=30)
OVERLAP = dt.timedelta(seconds=5)  # an end is in the ledger a moment after it happened, at times a long one
USUALLY_WITHIN = dt.timedelta(seconds=0.5)  # and that moment is usually no longer than this
LONGEST_GAP = dt.timedelta(seconds=60)  # beyond that a look begins anew
RUNNING = "running"  # as a value of the filter `outcome`: no call that has ended
TOOK = ExpressionWrapper(F("duration_ms") * Value(dt.timedelta(milliseconds=1)), output_field=DurationField())
ENDED_AT = ExpressionWrapper(F("started_at") + TOOK, output_field=DateTimeField())


@dataclass(frozen=True)
class Wanted:
    """What somebody watches: `tenant` by its slug, and of its calls those that fit `filters`."""

    tenant: str
    filters: Filters
    only_running: bool = False

    @property
    def only_ended(self) -> bool:
        """Whether what the filters ask for is known of a call only once it has ended."""
        return bool(self.filters.outcome or self.filters.detour or self.filters.request)


@dataclass(frozen=True)
class Look:
    """`at` is the database's clock: the `after` of the next look. `running` begins with what started last;
    `is_cut` says that some ended since the last look that neither it nor this one tells. `is_whole`: it tells of
    everything, not of what is new."""

    tenant: Tenant
    at: dt.datetime
    running: list[RunningCall]
    ended: list[Call]
    is_cut: bool
    is_whole: bool


def wanted(query: Mapping[str, str], viewer: User, tenant: str) -> Wanted:
    """What `query` asks for, by the filters of the list of calls; `outcome=running` alone is this one's. Raises
    `FilterNotUnderstood`."""
    if not tenant or len(tenant) > LONGEST or "\0" in tenant:
        raise FilterNotUnderstood("Say whose calls: “tenant” is a tenant's short name.", field="tenant")
    plain = {name: value for name, value in query.items() if name != "tenant"}
    project = plain.get("project", "")
    if project and "/" not in project:
        plain["project"] = f"{tenant}/{project}"
    only_running = plain.get("outcome") == RUNNING
    if only_running:
        del plain["outcome"]
    return Wanted(tenant, filters_of(plain, viewer), only_running)


def look(viewer: User, asked: Wanted, after: dt.datetime | None = None) -> Look:
    """What `viewer` may see of the calls of a tenant: under way now, and ended since `after` (None: the last ones).

    Some calls are told in two looks; their identifiers say so. Raises what `find_tenant` does.
    """
    tenant: Tenant | None = tenants_for(viewer).filter(slug=asked.tenant).annotate(read_at=Now()).first()
    if tenant is None:
        tenant = find_tenant(viewer, asked.tenant)  # which says why there is none
    at: dt.datetime = vars(tenant).get("read_at") or timezone.now()
    watch(tenant.pk)
    if after is not None and not at - LONGEST_GAP <= after <= at:
        after = None
    seen = sight_of(viewer).within(tenant)
    lives = Q(ended_at=None, told_at__gt=at - dt.timedelta(seconds=LIVES_FOR_S))
    running: list[RunningCall] = []
    if not asked.only_ended:
        running = list(_named(_fitting(RunningCall.objects.filter(seen, lives, tenant=tenant), asked))[:MOST])
    ended: list[Call] = []
    if not asked.only_running:
        calls = asked.filters.apply(Call.objects.filter(seen, tenant=tenant))
        ended = _last(calls, at) if after is None else _ended(calls, tenant, after - OVERLAP, lives)
    keys = {each.pk for each in ended}
    running = [each for each in running if each.pk not in keys]
    return Look(tenant, at, running, ended[:MOST], _is_cut(ended, after), after is None)


def _last(calls: QuerySet[Call], at: dt.datetime) -> list[Call]:
    return list(_named(calls.filter(started_at__gt=at - dt.timedelta(hours=1)))[:MOST])


def _ended(calls: QuerySet[Call], tenant: Tenant, since: dt.datetime, lives: Q) -> list[Call]:
    """Those of `calls` that ended since, what ended last first; more than `MOST`: there are others. Cut by their ends,
    because one that took long started before all that are new."""
    newest = _named(calls).order_by(ENDED_AT.desc(), F("id").desc())
    lately = newest.filter(started_at__gt=since - STARTED_WITHIN).alias(end=ENDED_AT).filter(end__gt=since)
    found: dict[object, Call] = {each.pk: each for each in lately[: MOST + 1]}
    told = RunningCall.objects.filter(lives | Q(ended_at__gt=since), tenant=tenant).order_by()
    if left := [key for key in told.values_list("pk", flat=True) if key not in found]:
        found |= {each.pk: each for each in newest.filter(pk__in=left)[: MOST + 1]}
    return sorted(found.values(), key=lambda each: (_end_of(each), each.pk), reverse=True)


def _is_cut(ended: list[Call], after: dt.datetime | None) -> bool:
    """Whether what is not told of `ended` was not told by the look before either: that looked at `after`, and was told
    all that had ended a moment earlier."""
    if after is None or len(ended) <= MOST:
        return False
    return _end_of(ended[MOST]) > after - USUALLY_WITHIN


def _end_of(call: Call) -> dt.datetime:
    return call.started_at + dt.timedelta(milliseconds=call.duration_ms)


def _fitting(rows: QuerySet[RunningCall], asked: Wanted) -> QuerySet[RunningCall]:
    rows = asked.filters.apply(rows)
    return rows.filter(origin=asked.filters.origin) if asked.filters.origin else rows


def _named[Row: (Call, RunningCall)](rows: QuerySet[Row]) -> QuerySet[Row]:
    """With what a line of the list names, the last one that started first."""
    return rows.select_related("project", "environment").order_by(F("started_at").desc(), F("id").desc())
