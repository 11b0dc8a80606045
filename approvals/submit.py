"""Send a request to the people who decide: boards by the policy, or the tenant that it is left to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from approvals.deciders import DECIDES, people_of
from approvals.deciding import decide
from approvals.delegation.standing import Standing, standing
from approvals.models import Board, Policy, Request, Review
from approvals.policies import policy_for
from approvals.sealing.canonical import storable
from approvals.states import OPEN_STATES, State, Verb
from approvals.subjects import kind_of
from approvals.telling import tell
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import Environment, Tenant, User
from tenants.scope import everything
from tenants.scoping import members_who_may

NUMBER_LOCK = 0x52_45_51_4E  # numbers are given one at a time: no gap, no duplicate
MAX_REASON = 4000


class OpenRequestExists(Conflict):
    code = "open_request_exists"
    title = "This was asked already"


class BoardTooSmall(Conflict):
    code = "board_too_small"
    title = "The board cannot reach its quorum"


class ReasonMissing(Invalid):
    code = "reason_missing"


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
    by: User,
    at: dt.datetime | None = None,
) -> Request:
    """Submit a request and open its first review. `at` dates demonstration data back; a real request is dated now.

    Where its capability is left to the tenant, the tenant reviews it, or, asked by somebody who decides for the tenant
    or where there is none yet, it is approved at once.
    Raises `ReasonMissing`, `NoPolicy`, `OpenRequestExists` (its `way_out` leads to the open one), `BoardTooSmall`.
    Who may ask is the subject's own rule, asked by its verb before.
    """
    kind = kind_of(subject_kind)
    reason = _stated(reason)
    demonstration = tenant.is_demonstration if tenant else by.is_demonstration
    at = at if at is not None and demonstration else timezone.now()
    _take_turn()
    _refuse_second(subject_kind, subject_key)
    environment_kind = environment.kind if environment else ""
    under = standing(kind.capability, tenant) if kind.capability else None
    is_left = under is not None and under.leaves_to_tenant(kind.measure(storable(facts or {}), environment_kind))
    policy = None if is_left else policy_for(subject_kind, environment_kind)
    request = Request.objects.create(
        number=_last_number() + 1,
        subject_kind=subject_kind,
        subject_key=subject_key,
        title=title[:300],
        reason=reason,
        facts=storable(facts or {}),
        tenant=tenant,
        environment=environment,
        requester=by,
        policy=policy,
        decided_under=under.frozen() if under else {},
        state=State.IN_REVIEW,
        is_demonstration=demonstration,
        created_at=at,
    )
    first = None
    if policy is not None:
        first = _open_stages(request, policy, at)
    elif under is not None and not _decides_by_asking(request):
        first = _open_tenant(request, under, at)
    if first is None:
        kind.lock(request)
    record(
        "request.submitted",
        by=by,
        subject=request,
        tenant=tenant.slug if tenant else "",
        number=request.number,
        policy=str(policy or ""),
        stages=policy.stages if policy else [],
        decided_under=request.decided_under,
    )
    if first is None:
        decide(request=request, verb=Verb.APPROVE, by=by, at=at)
    else:
        tell_voters(first)
    return request


def before_several() -> None:
    """Take what each sending takes before it writes, for who sends several in one transaction: the second would take it
    after the first has written to the audit, whose end is taken last."""
    _take_turn()
    list(Board.objects.select_for_update(no_key=True).order_by("pk"))


def _take_turn() -> None:
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


def tell_voters(review: Review) -> None:
    """Tell who votes in the review, except the requester, that it is their turn."""
    request = review.request
    people, title = people_of(review).exclude(pk=request.requester_id), f"{review.decider} decides: {request.title}"
    tell(people, request, kind="turn", title=title, body=request.reason)


def _stated(reason: str) -> str:
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
def _refuse_second(subject_kind: str, subject_key: str) -> None:
    earlier = Request.objects.filter(subject_kind=subject_kind, subject_key=subject_key, state__in=OPEN_STATES).first()
    if earlier is not None:
        raise OpenRequestExists(
            f"This was asked already and is in review as R-{earlier.number}. Follow it there, or withdraw it first.",
            way_out=earlier.get_absolute_url(),
            number=earlier.number,
        )


def _open_stages(request: Request, policy: Policy, at: dt.datetime) -> Review:
    # Locked, so that nobody is unseated between our counting who is able and the review that needs them.
    needed = Board.objects.filter(slug__in=[s["board"] for s in policy.stages]).order_by("pk")
    boards = {board.slug: board for board in needed.select_for_update(no_key=True)}
    reviews = []
    for position, stage in enumerate(policy.stages, start=1):
        board = boards[stage["board"]]
        able = board.seats.filter(user__is_active=True).exclude(user=request.requester).count()
        if able < stage["quorum"]:
            raise BoardTooSmall(
                f"{board} needs {stage['quorum']} approval{'' if stage['quorum'] == 1 else 's'} but only {able} of its"
                " members may decide on this request (nobody decides on their own). The platform team can seat more"
                " people or change the policy.",
                board=board.slug,
            )
        reviews.append(
            Review(
                request=request,
                position=position,
                board=board,
                quorum=stage["quorum"],
                outcome=Review.Outcome.OPEN if position == 1 else Review.Outcome.WAITING,
                opened_at=at if position == 1 else None,
            )
        )
    Review.objects.bulk_create(reviews)
    return reviews[0]


def _open_tenant(request: Request, under: Standing, at: dt.datetime) -> Review:
    review = Review(request=request, position=1, permission=DECIDES, outcome=Review.Outcome.OPEN, opened_at=at)
    if not people_of(review).exists():
        raise BoardTooSmall(
            f"{under.capability.name} is left to {request.tenant}, and nobody active in it may decide. The platform"
            " team can help."
        )
    review.save(force_insert=True)
    return review
