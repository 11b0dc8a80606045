"""People and their programs are told in time of keys that expire and of access that ends, once each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from access import expiring as of_access
from access.asking import request_access
from access.models import Grant
from approvals.models import Review
from approvals.voting import vote
from audit.models import Entry
from notices.webhooks.tables import Event
from tenants import expiring as of_keys
from tenants import key_rotation, keys
from tenants.models import ApiKey, Notification
from tests.cast import Cast, route
from tests.notices.conftest import add

pytestmark = pytest.mark.django_db


def key_of(cast: Cast, *, days: float, lives: int = 90, **more: Any) -> ApiKey:
    made = keys.issue(environment=cast.environment(), name="job", by=cast.dev, **more).key
    now = timezone.now()
    ends = now + dt.timedelta(days=days)
    ApiKey.objects.filter(pk=made.pk).update(expires_at=ends, created_at=ends - dt.timedelta(days=lives))
    made.refresh_from_db()
    return made


def told() -> set[str]:
    return set(Notification.objects.filter(kind="keys").values_list("user__username", flat=True))


def test_who_issues_keys_hears_of_one_that_expires_within_a_week_once(cast: Cast) -> None:
    add(cast, "https://hooks.example.com/", "key.expiry_warned")
    ApiKey.objects.filter(pk=key_of(cast, days=6).pk).update(holder=None)
    assert of_keys.warn() == 1 and of_keys.warn() == 0
    assert told() == {"olivia", "dev"}
    assert Event.objects.get().kind == "key.expiry_warned"
    assert Entry.objects.filter(verb="key.expiry_warned").count() == 1


def test_one_that_somebody_holds_is_told_to_them_alone(cast: Cast) -> None:
    ApiKey.objects.filter(pk=key_of(cast, days=6).pk).update(holder=cast.dev)
    of_keys.warn()
    assert told() == {"dev"}


@pytest.mark.parametrize(("days", "lives"), [(8, 90), (-1, 90), (2, 3)])
def test_one_that_lasts_or_is_over_or_was_meant_to_be_short_is_not_told_of(cast: Cast, days: int, lives: int) -> None:
    key_of(cast, days=days, lives=lives)
    assert of_keys.warn() == 0


def test_one_that_is_being_replaced_is_not_told_of(cast: Cast) -> None:
    key_rotation.rotate(key=key_of(cast, days=6), overlap="24h", by=cast.dev)
    assert of_keys.warn() == 0


def test_who_asked_and_who_runs_the_tenant_hear_of_access_that_ends(cast: Cast) -> None:
    asked = request_access(environment=cast.environment(), route=route(), purpose="Try", by=cast.dev)
    vote(review=Review.objects.get(request=asked), verdict="approve", comment="Fine", by=cast.rita)
    assert of_access.warn() == 0
    now = timezone.now()
    Grant.objects.update(expires_at=now + dt.timedelta(days=13), granted_at=now - dt.timedelta(days=80))
    assert of_access.warn() == 1 and of_access.warn() == 0
    assert set(Notification.objects.filter(kind="access").values_list("user__username", flat=True)) == {"olivia", "dev"}
