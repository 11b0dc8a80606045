"""What migration 0007 makes of requests that were decided before requests had rounds."""

from importlib import import_module
from types import SimpleNamespace

import pgtrigger
from django.apps import apps
from django.db import connection

from access.asking import request_access
from approvals.expiring import lapse_ended
from approvals.models import Request, Vote
from approvals.states import State
from approvals.voting import vote
from audit.models import Entry
from catalog.models import Route
from tenants.models import Notification
from tests.approvals.test_states import bring_to, end_validity, replace
from tests.cast import Cast

MIGRATION = import_module("approvals.migrations.0007_requests_in_rounds_and_policies_as_data")
AT = SimpleNamespace(connection=connection)


def as_before() -> None:
    """Let every approval be as it was kept before: approved, whatever became of it."""
    with pgtrigger.ignore("approvals.Request:only_as_the_table_allows"):
        Request.objects.filter(decision__outcome="approved").update(state="approved")


def test_a_vote_that_demanded_something_is_said_to(cast: Cast) -> None:
    conditional = bring_to(State.IN_REVIEW, cast)
    vote(review=conditional.reviews.get(), verdict="approve", comment="So.", conditions={"max_answers": 1}, by=cast.rob)
    plain = request_access(environment=cast.environment("test"), route=Route.objects.get(), purpose="y", by=cast.dev)
    vote(review=plain.reviews.get(), verdict="approve", comment="ok", by=cast.rob)
    with pgtrigger.ignore("approvals.Vote:final"):
        Vote.objects.update(is_conditional=False)
        MIGRATION.say_which_demanded(apps, AT)
    told = dict(Vote.objects.values_list("review__request__number", "is_conditional"))
    assert told == {conditional.number: True, plain.number: False}


def test_approvals_that_are_over_are_closed_without_a_word(cast: Cast) -> None:
    replaced = bring_to(State.APPROVED, cast)
    end_validity(replaced)
    replace(replaced, cast)
    newer = Request.objects.exclude(pk=replaced.pk).get()
    environment = cast.environment("production")
    ended = request_access(environment=environment, route=Route.objects.get(), purpose="y", by=cast.dev)
    vote(review=ended.reviews.get(), verdict="approve", comment="ok", by=cast.rob)
    end_validity(ended)
    as_before()
    before = Entry.objects.count(), Notification.objects.count()
    MIGRATION.close_what_is_over(apps, AT)
    states = dict(Request.objects.values_list("number", "state"))
    assert states == {replaced.number: "superseded", newer.number: "approved", ended.number: "expired"}
    assert lapse_ended() == 0
    assert (Entry.objects.count(), Notification.objects.count()) == before, "nobody is told of what ended long ago"
    assert all(Request.objects.values_list("closed_at", flat=True))
