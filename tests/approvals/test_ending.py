"""How requests and approvals come to their end by the clock, and what of it stays in the figures."""

import datetime as dt
from decimal import Decimal

import pgtrigger
import pytest
from django.utils import timezone

from access.asking import request_access
from approvals.durations import by_week, typical
from approvals.expiring import OPEN_FOR, expire_overdue, lapse, lapse_ended
from approvals.models import Request, Review, Revision
from approvals.policies import change_policy
from approvals.states import State, Verb
from approvals.transitions import NotPossible
from approvals.voting import vote
from audit.record import SYSTEM
from catalog.models import Route
from tenants.models import Notification
from tests.approvals.test_states import bring_to, end_validity
from tests.cast import Cast
from usage.limits.asking import request_limits
from usage.limits.places import of_tenant


def test_the_days_count_from_the_newest_step(cast: Cast) -> None:
    sent_back = bring_to(State.SENT_BACK, cast)
    at_work = request_access(environment=cast.environment("test"), route=Route.objects.get(), purpose="x", by=cast.dev)
    long_ago = timezone.now() - OPEN_FOR - dt.timedelta(days=1)
    Request.objects.update(sent_at=long_ago)
    assert expire_overdue() == 0, "one was sent back just now, a stage of the other was opened just now"
    Review.objects.update(opened_at=long_ago)
    assert expire_overdue() == 1
    at_work.refresh_from_db()
    assert at_work.state == "expired"
    with pgtrigger.ignore("approvals.Revision:frozen"):
        Revision.objects.update(sent_back_at=long_ago)
    assert expire_overdue() == 1
    told = Notification.objects.filter(title=f"Expired: {sent_back.title}").latest("created_at")
    assert told.body.startswith("It was sent back and not sent again within 90 days.")


def test_an_approval_whose_effect_stays_stays_approved(cast: Cast) -> None:
    access = bring_to(State.APPROVED, cast)
    change_policy(
        subject_kind="limits", sentence="So.", stages=[{"board": "risk", "quorum": 1}], validity_days=1, by=SYSTEM
    )
    place = of_tenant(cast.acme)
    limits = request_limits(place=place, amounts={}, budget=Decimal("5000"), reason="More", by=cast.olivia)
    vote(review=limits.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    for request in (access, limits):
        end_validity(request)
    with pytest.raises(NotPossible, match="stays"):
        lapse(request=limits, by=SYSTEM)
    assert lapse_ended() == 1
    states = dict(Request.objects.values_list("subject_kind", "state"))
    assert states == {"access": "expired", "limits": "approved"}


def test_an_approval_that_is_over_was_decided_all_the_same(cast: Cast) -> None:
    bring_to(State.EXPIRED, cast, way=[Verb.SEND, Verb.APPROVE, Verb.LAPSE])
    assert sum(week.count for week in by_week(Request.objects.all())) == 1
    assert typical("access", ["development"])["development"].count == 1
