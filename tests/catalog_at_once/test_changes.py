"""The feed of changes, read while others write: nothing that comes later is put before what is known."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import Value
from django.test import Client

from catalog.changes import telling
from catalog.models import Change
from tests.approvals.test_at_once import house  # noqa: F401  # a fixture
from tests.cast import Cast, route
from tests.catalog.test_changes import feed


def beside[Told](deed: Callable[[], Told]) -> Told:
    """What `deed` comes to in a connection of its own."""

    def run() -> Told:
        try:
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=60)


def oldest_at_work() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def test_who_follows_the_feed_passes_over_nothing_that_a_long_transaction_writes(
    house: Cast,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = route().targets.get().deployment.version
    client = Client()
    client.force_login(house.pat)

    def tells(what: str) -> int:
        told = telling.tell(version=version, kind="version", what=what, source="test")
        return int(told.pk)

    with transaction.atomic():
        first = tells("in the long one")
        second = beside(lambda: tells("meanwhile"))
        assert beside(lambda: feed(client)) == [], "what is older may still come"
    oldest = oldest_at_work()  # of this server: the databases of other tests hold it back too
    assert (len(feed(client)) == 2) >= (oldest > Change.objects.get(pk=second).transaction)
    monkeypatch.setattr(telling, "_OLDEST_AT_WORK", Value(2**62))  # as soon as nothing older is at work anywhere
    assert [each["id"] for each in feed(client)] == [first, second]
    with transaction.atomic():
        tells("begun")
        third = beside(lambda: tells("done before what began is"))
        with transaction.atomic():
            fourth = tells("in the long one again")
    assert [each["id"] for each in feed(client, after=second)][1:] == [fourth, third]
    assert [each["id"] for each in feed(client, after=fourth)] == [third]
    assert feed(client, after=third) == []
