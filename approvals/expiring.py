"""Close requests that nobody decided for a long time, so that a queue holds only what is alive; and approvals whose
validity has ended."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from approvals.models import Request, Review, Revision
from approvals.states import LIVING_STATES, OPEN_STATES, State, Verb
from approvals.subjects import kind_of, kinds
from approvals.telling import tell
from approvals.transitions import NotPossible, allowed, close_reviews, move
from audit.record import SYSTEM, Actor, record
from refusals.errors import Forbidden

OPEN_FOR = dt.timedelta(days=90)


class OnlyTheClock(Forbidden):
    code = "only_the_clock"
    title = "Requests expire by themselves"


@transaction.atomic
def expire(*, request: Request, by: object = SYSTEM) -> Request:
    """Close `request` without a decision. Raises `OnlyTheClock` for a person, `NotPossible` when it is closed."""
    if not isinstance(by, Actor):
        raise OnlyTheClock(
            f"A request expires when nothing moved it on for {OPEN_FOR.days} days; nobody does it by hand."
        )
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    was_sent_back = locked.state == State.SENT_BACK
    transition = move(locked, Verb.EXPIRE)
    close_reviews(locked)
    record(transition.audit, by=by, subject=locked, tenant=locked.tenant.slug if locked.tenant else "")
    why = "It was sent back and not sent again" if was_sent_back else "Nobody decided"
    body = f"{why} within {OPEN_FOR.days} days. Ask again if it is still needed."
    tell([locked.requester], locked, kind="decision", title=f"Expired: {locked.title}", body=body)
    return locked


def expire_overdue() -> int:
    """Expire every request whose newest stage was opened, or that was sent back, longer than `OPEN_FOR` ago; how many.
    One that was moved on meanwhile is let be."""
    expired, at = 0, timezone.now() - OPEN_FOR
    for request in standing_still_since(at):
        with suppress(NotPossible), transaction.atomic():
            Request.objects.select_for_update(no_key=True).get(pk=request.pk)
            if standing_still_since(at).filter(pk=request.pk).exists():
                expire(request=request)
                expired += 1
    return expired


def standing_still_since(at: dt.datetime) -> QuerySet[Request]:
    """The open requests that nothing moved on after `at`: no stage was opened, and none sent them back."""
    moved_on = (
        Q(sent_at__gt=at)
        | Exists(Review.objects.filter(request=OuterRef("pk"), opened_at__gt=at))
        | Exists(Revision.objects.filter(request=OuterRef("pk"), sent_back_at__gt=at))
    )
    return Request.objects.filter(~moved_on, state__in=OPEN_STATES)


@transaction.atomic
def lapse(*, request: Request, by: object = SYSTEM) -> Request:
    """End an approval whose validity is over, as what it gave does by itself. Raises `OnlyTheClock`, and `NotPossible`
    before that, or where the kind says that what came of it stays."""
    if not isinstance(by, Actor):
        raise OnlyTheClock("An approval ends with its validity; nobody does it by hand. Suspend it instead.")
    locked = Request.objects.select_for_update(no_key=True).get(pk=request.pk)
    transition = allowed(locked.state, Verb.LAPSE)
    kind = kind_of(locked.subject_kind)
    if not kind.ends_with_validity:
        raise NotPossible(f"What an approval of “{kind.name}” brought about stays, and so does the approval.")
    until = locked.decision.valid_until
    if until is None or until > timezone.now():
        raise NotPossible("This approval is still valid.")
    move(locked, Verb.LAPSE)
    record(transition.audit, by=by, subject=locked, tenant=locked.tenant.slug if locked.tenant else "")
    body = f"The approval was valid until {until:%d %b %Y}. Ask again if it is still needed."
    tell([locked.requester], locked, kind="decision", title=f"No longer valid: {locked.title}", body=body)
    return locked


def lapse_ended() -> int:
    """End every approval past its validity whose effect ends with it; how many."""
    lapsed = 0
    ending = [kind.slug for kind in kinds() if kind.ends_with_validity]
    over = Request.objects.filter(subject_kind__in=ending, decision__valid_until__lte=timezone.now())
    for request in over.filter(state__in=LIVING_STATES):
        with suppress(NotPossible):
            lapse(request=request)
            lapsed += 1
    return lapsed
