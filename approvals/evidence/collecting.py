"""Collect evidence for a request: by a job once it was sent, by a button when it has grown stale, and at the decision
what is still missing then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from approvals.evidence.collectors import AT_THE_DECISION, Collector, collectors_of
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.sealing.canonical import sealable
from approvals.states import OPEN_STATES, State
from approvals.subjects import Evidence, kind_of
from audit.models import Entry
from audit.record import SYSTEM, Actor, record
from refusals.errors import Conflict
from tenants.archiving import refuse_archived
from tenants.models import User

log = structlog.get_logger(__name__)
NOT_AGAIN_FOR = dt.timedelta(minutes=5)  # each version stays for ever


class EvidenceIsFrozen(Conflict):
    """Nothing is added to what a decision was made on, nor to a draft."""

    code = "evidence_is_frozen"
    title = "Nothing is added to the evidence"


class CollectedJustNow(Conflict):
    code = "collected_just_now"
    title = "It was collected just now"


def current(request: Request) -> list[EvidenceItem]:
    """The newest version of each piece: what was collected in the order of its collectors, then what people gave."""
    rows = request.evidence_items.filter(superseded_by=None).select_related("collected_by", "document")
    places = {each.slug: place for place, each in enumerate(collectors_of(kind_of(request.subject_kind)))}
    return sorted(rows, key=lambda item: places.get(item.collector, len(places)))


def round_began(request: Request) -> dt.datetime | None:
    """When it was sent again after it came back; None in its first round."""
    if request.round == 1:
        return None
    opened = [each.opened_at for each in request.reviews.all() if each.round == request.round and each.opened_at]
    return min(opened, default=max((each.sent_back_at for each in request.revisions.all()), default=None))


def is_outdated(item: EvidenceItem, began: dt.datetime | None) -> bool:
    """Whether it was collected on what was asked before the round that `began` then."""
    return bool(item.collector) and began is not None and item.collected_at < began


@transaction.atomic
def collect(*, request: Request, by: User | Actor = SYSTEM, only_stale: bool = False) -> list[EvidenceItem]:
    """Collect everything that the product knows for `request`, or what is missing or stale of it; the new rows. What
    was collected on what an earlier round asked is missing. A person gets nothing again that is only minutes old.

    Raises `EvidenceIsFrozen`, `CollectedJustNow`, and `TenantArchived` or `ProjectArchived` where a person asks for it
    in one.
    """
    if isinstance(by, User) and request.tenant is not None:
        refuse_archived(request.tenant, request.environment.project if request.environment else None)
    held, can_be = _held(request), kept_collectors(request)
    if only_stale:
        wanted = [each for each in can_be if each.slug not in held or held[each.slug].is_stale]
    elif isinstance(by, User):
        wanted = [each for each in can_be if each.slug not in held or _is_old_enough(held[each.slug])]
        if can_be and not wanted and request.state in OPEN_STATES:
            raise CollectedJustNow("All of it was collected in the last minutes. Wait a little, and collect it then.")
    else:
        wanted = can_be
    # Asked before anything is locked: some of them count for a while.
    found = [(each, *ask(each, request)) for each in wanted]
    locked = open_request(request)
    made = _keep(locked, found, by)
    if made:
        record(
            "evidence.collected",
            by=by,
            subject=locked,
            tenant=locked.tenant.slug if locked.tenant else "",
            collected=[item.collector for item in made],
            failed=[item.collector for item in made if item.trouble],
        )
    return made


def complete(request: Request, at: dt.datetime) -> list[EvidenceItem]:
    """Everything `request` rests on at its decision: what was collected before, and what was not yet. Within the
    decision's own transaction, which holds the request's lock."""
    held = _held(request)
    wanted = [each for each in collectors_of(kind_of(request.subject_kind)) if each.slug not in held]
    _keep(request, [(each, *ask(each, request)) for each in wanted], SYSTEM, at)
    return current(request)


def _held(request: Request) -> dict[str, EvidenceItem]:
    """What was collected on what is asked now, by its collector."""
    began = round_began(request)
    return {item.collector: item for item in current(request) if item.collector and not is_outdated(item, began)}


def _is_old_enough(item: EvidenceItem) -> bool:
    return item.is_stale or item.collected_at <= timezone.now() - NOT_AGAIN_FOR


def kept_collectors(request: Request) -> list[Collector]:
    """Those whose facts are kept while the request is under way."""
    all_of_them = collectors_of(kind_of(request.subject_kind))
    return [each for each in all_of_them if each.fresh_for != AT_THE_DECISION]


def missing(request: Request, names: Iterable[str]) -> list[str]:
    """Which of `names` (a collector's slug or name, or the name of a piece that a person gave, in any case of letters)
    the request has no fresh evidence of."""
    has: set[str] = set()
    began = round_began(request)
    slugs = {each.name.casefold(): each.slug for each in collectors_of(kind_of(request.subject_kind))}
    for item in current(request):
        if not item.is_stale and not is_outdated(item, began):
            has |= {item.name.casefold(), item.collector.casefold()}
    return [name for name in names if not {name.casefold(), slugs.get(name.casefold(), name).casefold()} & has]


def when_sent(entry: Entry) -> None:
    """Have the evidence of a request collected once the transaction that sent it commits; listens to the audit. What is
    sent while a demonstration is loaded, before there are workers, waits for `collect_left`."""
    from approvals.tasks import collect_evidence  # tasks need this module

    if entry.verb != "request.submitted":
        return
    key = entry.subject_id
    if Request.objects.filter(pk=key, is_demonstration=False).exists():
        transaction.on_commit(lambda: collect_evidence.delay(key), robust=True)


def collect_left() -> int:
    """Collect for open requests of which nothing was collected, as their job was lost or never sent; for how many."""
    nothing = ~Exists(EvidenceItem.objects.filter(request=OuterRef("pk")).exclude(collector=""))
    rows = Request.objects.filter(nothing, state__in=OPEN_STATES).select_related("tenant", "environment__project")
    left = [request for request in rows if kept_collectors(request)]
    for request in left:
        with suppress(EvidenceIsFrozen):  # it was decided meanwhile, and has all
            collect(request=request, only_stale=True)
    return len(left)


def open_request(request: Request) -> Request:
    """The request, locked. Raises `EvidenceIsFrozen` once it is closed."""
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    if locked.state == State.DRAFT:
        raise EvidenceIsFrozen(
            f"R-{locked.number} is a draft. Evidence and documents are added once it is sent.",
            way_out=locked.get_absolute_url(),
        )
    if locked.state not in OPEN_STATES:
        raise EvidenceIsFrozen(
            f"R-{locked.number} is {locked.get_state_display().lower()}: what it was decided on stays as it was. New"
            " evidence belongs to a new request.",
            way_out=locked.get_absolute_url(),
        )
    return locked


def ask(collector: Collector, request: Request) -> tuple[Sequence[Evidence], str]:
    """The facts, and why there are none. What breaks one collector must not keep the others from being read."""
    try:
        with transaction.atomic():
            return collector.collect(request), ""
    except Exception as error:
        log.exception("evidence_not_collected", collector=collector.slug, request=request.number)
        return (), f"It could not be collected: {type(error).__name__}."


def _keep(
    request: Request,
    found: Sequence[tuple[Collector, Sequence[Evidence], str]],
    by: Any,
    at: dt.datetime | None = None,
) -> list[EvidenceItem]:
    earlier = {item.collector: item for item in current(request) if item.collector}
    made = []
    for collector, facts, trouble in found:
        now = at or timezone.now()
        item = EvidenceItem(
            request=request,
            kind=EvidenceItem.Kind.COLLECTED,
            collector=collector.slug,
            name=collector.name,
            source=", ".join(dict.fromkeys(fact.source for fact in facts))[:200] or "Atrium",
            facts=sealable([fact.frozen() for fact in facts]),
            trouble=trouble,
            collected_at=now,
            collected_by=by if isinstance(by, User) else None,
            expires_at=now + collector.fresh_for if collector.fresh_for else None,
            supersedes=earlier.get(collector.slug),
        )
        item.sha256 = item.computed()
        made.append(item)
    return EvidenceItem.objects.bulk_create(made)
