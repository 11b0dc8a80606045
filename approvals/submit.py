"""Ask for something: keep it as a draft of one's own, or send it to the people who decide: boards by the policy, or the
tenant that it is left to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from approvals.deciders import DECIDES
from approvals.deciding import decide
from approvals.delegation.standing import Standing, standing
from approvals.models import Board, Policy, Request, Review
from approvals.policies import NoPolicy, choose
from approvals.policy_conditions import Traits
from approvals.sealing.canonical import storable
from approvals.stages import open_administrators, open_boards, open_tenant, tell_voters
from approvals.states import OPEN_STATES, State, Verb
from approvals.subjects import kind_of
from approvals.superseding import follows_suspended, lock_what_follows
from approvals.transitions import move
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import Environment, Tenant, User
from tenants.scope import everything
from tenants.scoping import members_who_may

NUMBER_LOCK = 0x52_45_51_4E  # numbers are given one at a time: no gap, no duplicate
MAX_REASON = 4000
MOST_DRAFTS = 20
FOUR_EYES = "four_eyes"


class OpenRequestExists(Conflict):
    code = "open_request_exists"
    title = "This was asked already"


class ReasonMissing(Invalid):
    code = "reason_missing"


class TooManyDrafts(Conflict):
    code = "too_many_drafts"
    title = "You have begun often enough"


@transaction.atomic
def submit(
    *,
    subject_kind: str,
    subject_key: str,
    title: str,
    reason: str,
    facts: dict[str, Any] | None = None,
    tenant: Tenant | None = None,
    environment: Environment | None = None,
    is_draft: bool = False,
    by: User,
    at: dt.datetime | None = None,
) -> Request:
    """Submit a request and open its first review, or (`is_draft`) only keep it for `by`, who sends it with
    `approvals.sending`. `at` dates demonstration data back; a real request is dated now.

    Where its capability is left to the tenant, the tenant reviews it, or, asked by somebody who decides for the tenant
    or where there is none yet, it is approved at once. What would replace a suspended approval is the platform's.
    Raises `ReasonMissing`, `NoPolicy`, `OpenRequestExists` (its `way_out` leads to the open one), `BoardTooSmall`;
    of a draft `ReasonMissing` and `TooManyDrafts`.
    Who may ask is the subject's own rule, asked by its verb before.
    """
    kind_of(subject_kind)
    reason = stated_reason(reason)
    demonstration = tenant.is_demonstration if tenant else by.is_demonstration
    at = at if at is not None and demonstration else timezone.now()
    take_turn()
    request = Request(
        subject_kind=subject_kind,
        subject_key=subject_key,
        title=title[:300],
        reason=reason,
        facts=storable(facts or {}),
        tenant=tenant,
        environment=environment,
        requester=by,
        state=State.DRAFT if is_draft else State.SUBMITTED,
        is_demonstration=demonstration,
        created_at=at,
    )
    if is_draft:
        if Request.objects.filter(requester=by, state=State.DRAFT).count() >= MOST_DRAFTS:
            raise TooManyDrafts(f"You have {MOST_DRAFTS} drafts. Send one of them, or throw one away.")
        request.number = _last_number() + 1
        request.save(force_insert=True)
        record("request.drafted", by=by, subject=request, tenant=told_to(request), number=request.number)
        return request
    refuse_second(request)
    who = who_decides(request)
    for name, value in who.fields().items():
        setattr(request, name, value)
    request.sent_at = at
    request.number = _last_number() + 1
    request.save(force_insert=True)
    begin_round(request, who, by=by, at=at)
    return request


@dataclass(frozen=True)
class WhoDecides:
    """A policy with why it fits; or, without one, who decides on the capability (`under`), or who holds `permission`
    above tenants."""

    policy: Policy | None = None
    because: str = ""
    under: Standing | None = None
    permission: str = ""
    sentence: str = ""

    def fields(self) -> dict[str, Any]:
        """What a request keeps of it."""
        told = self.under.frozen() if self.under else {}
        if self.permission:
            told = {"mode": FOUR_EYES, "sentence": self.sentence}
        return {"policy": self.policy, "because": self.because, "decided_under": told}


def told_to(request: Request) -> str:
    """The tenant whose people may read in the audit what is done to `request`, by its slug; empty for a draft."""
    return request.tenant.slug if request.tenant and request.sent_at else ""


def who_decides(request: Request) -> WhoDecides:
    """Who would decide on `request` if it were sent now. Raises `NoPolicy`."""
    kind = kind_of(request.subject_kind)
    environment_kind = request.environment.kind if request.environment else ""
    under = standing(kind.capability, request.tenant) if kind.capability else None
    is_left = under is not None and under.leaves_to_tenant(kind.measure(request.facts, environment_kind))
    if is_left and not follows_suspended(request):
        return WhoDecides(under=under)
    try:
        chosen = choose(request.subject_kind, environment_kind, traits_of(request))
    except NoPolicy:
        if not kind.bootstrap_permission:
            raise
        return WhoDecides(permission=kind.bootstrap_permission, sentence=kind.bootstrap_sentence)
    return WhoDecides(chosen.policy, chosen.because, under)


def traits_of(request: Request) -> Traits:
    """What policies choose by: what its kind makes of the facts, and the data that is said of its environment."""
    traits = kind_of(request.subject_kind).traits(request.facts)
    said = request.environment.data_classes if request.environment else []
    return replace(traits, data_classes=traits.data_classes | set(said))


def begin_round(request: Request, who: WhoDecides, *, by: User, at: dt.datetime) -> None:
    """Let what is submitted be reviewed, or approved at once where it is left to who asks. Raises `BoardTooSmall`."""
    policy, opened = who.policy, list[Review]()
    if policy is not None:
        opened = open_boards(request, policy, at)
    elif who.permission:
        opened = [open_administrators(request, at)]
    elif who.under is not None and not _decides_by_asking(request):
        opened = [open_tenant(request, who.under, at)]
    if not opened:
        lock_what_follows(request)
    else:
        move(request, Verb.OPEN, at=at)
    record(
        "request.submitted",
        by=by,
        subject=request,
        tenant=request.tenant.slug if request.tenant else "",
        number=request.number,
        round=request.round,
        policy=str(policy or ""),
        stages=policy.stages if policy else [],
        decided_under=request.decided_under,
    )
    if not opened:
        decide(request=request, verb=Verb.APPROVE, by=by, at=at)
    for review in opened:
        tell_voters(review)


def before_several() -> None:
    """Take what each sending takes before it writes, for who sends several in one transaction: the second would take it
    after the first has written to the audit, whose end is taken last."""
    take_turn()
    list(Board.objects.select_for_update(no_key=True).order_by("pk"))


def take_turn() -> None:
    """Wait for who else sends; taken before a request's row is locked, and held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBER_LOCK])


def _decides_by_asking(request: Request) -> bool:
    """Whether who asks decides for the tenant, or there is no tenant yet that could."""
    if request.tenant is None:
        return True
    return members_who_may(DECIDES, request.tenant).filter(pk=request.requester_id).exists()


@everything("requests of all tenants are numbered together")
def _last_number() -> int:
    return Request.objects.aggregate(last=Max("number"))["last"] or 0


def stated_reason(reason: str) -> str:
    """The reason without what a database refuses. Raises `ReasonMissing`."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise ReasonMissing("Say what it is for: the people who decide read this first.", field="reason")
    if len(reason) > MAX_REASON:
        raise ReasonMissing(
            f"Keep it under {MAX_REASON:,} characters; this has {len(reason):,}. Add the rest as a comment.",
            field="reason",
        )
    return reason


@everything("for a new tenant's name somebody else may have asked")
def refuse_second(request: Request) -> None:
    """Raise `OpenRequestExists` where another request for the same subject is open."""
    same = Request.objects.filter(subject_kind=request.subject_kind, subject_key=request.subject_key)
    earlier = same.filter(state__in=OPEN_STATES).exclude(pk=request.pk).first()
    if earlier is not None:
        told = f"This was asked already and is in review as R-{earlier.number}. Follow it there, or withdraw it first."
        if earlier.state == State.SENT_BACK:
            told = (
                f"This was asked already as R-{earlier.number}, which was sent back to who asked. They change it and"
                " send it again; they, who decides for the tenant, or the platform team can withdraw it."
            )
        raise OpenRequestExists(
            told,
            way_out=earlier.get_absolute_url(),
            number=earlier.number,
        )
