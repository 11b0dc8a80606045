"""Every verb leaves one entry; entries of all threads make one chain without a gap."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from structlog.contextvars import bound_contextvars

from audit.models import DayHead, Entry
from audit.record import SYSTEM, Actor, record
from audit.verify import verify
from tests.cast import Cast, person

pytestmark = pytest.mark.django_db
COPY = """
    INSERT INTO audit_entry SELECT 999999, day, sequence + {after}, at, actor_kind, actor_id, actor_label, verb,
           subject_kind, subject_id, subject_label, tenant, facts, request_id, previous_hash, hash FROM audit_entry
"""


def test_it_works(cast: Cast) -> None:
    with bound_contextvars(request_id="r-1"):
        entry = record(
            "thing.done",
            by=cast.dev,
            subject=cast.acme,
            tenant="acme",
            cost="1.20",
            count=3,
        )
    entry.refresh_from_db()
    assert (entry.actor_kind, entry.actor_label, entry.actor_id) == (
        "user",
        "Dev",
        str(cast.dev.pk),
    )
    assert (entry.subject_kind, entry.subject_label, entry.tenant) == (
        "tenant",
        "Acme",
        "acme",
    )
    assert (entry.facts, entry.request_id) == ({"cost": "1.20", "count": 3}, "r-1")
    assert DayHead.objects.get().entries == Entry.objects.count() == entry.sequence
    assert verify().is_intact


def test_numbers_of_every_size_verify(db: None) -> None:
    record(
        "thing.done",
        by=SYSTEM,
        small=1e-9,
        large=1e22,
        third=1 / 3,
        whole=10**20,
        one=1.0,
        nothing=-0.0,
        deep={"list": [-0.0, -1e-400]},
        text="é\u2028☃",
    )
    assert verify().is_intact


def test_without_a_transaction_nothing_is_recorded() -> None:
    pass_through = connection.in_atomic_block
    connection.in_atomic_block = False
    try:
        with pytest.raises(transaction.TransactionManagementError):
            record("thing.done", by=SYSTEM)
    finally:
        connection.in_atomic_block = pass_through
    assert not Entry.objects.exists()


def test_a_verb_that_fails_leaves_no_entry() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record("thing.done", by=SYSTEM)
        raise ZeroDivisionError
    record("thing.done", by=SYSTEM)
    assert [entry.sequence for entry in Entry.objects.all()] == [1]


def test_each_day_follows_on_the_last_one() -> None:
    record("thing.done", by=SYSTEM)
    with connection.cursor() as cursor:  # as if the first entry had been written yesterday
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM audit_entry; DELETE FROM audit_dayhead")
        cursor.execute("SET LOCAL session_replication_role = origin")
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    DayHead.objects.create(day=yesterday, entries=1, last_hash="ab" * 32, mac="")
    entry = record("thing.done", by=SYSTEM)
    head = DayHead.objects.get(day=entry.day)
    assert entry.sequence == 1
    assert (head.previous_day, head.previous_hash) == (yesterday, "ab" * 32)


def test_when_the_clock_goes_back_the_day_does_not() -> None:
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    DayHead.objects.create(day=tomorrow, entries=0, last_hash="", mac="")
    assert record("thing.done", by=SYSTEM).day == tomorrow


def test_a_sealed_day_takes_no_entry() -> None:
    today = dt.datetime.now(dt.UTC).date()
    DayHead.objects.create(day=today, entries=0, last_hash="", mac="", sealed_at=dt.datetime.now(dt.UTC))
    assert record("thing.done", by=SYSTEM).day == today + dt.timedelta(days=1)


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE audit_entry SET verb = 'thing.undone'",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_dayhead",
        "UPDATE audit_dayhead SET entries = entries - 1",
        "UPDATE audit_dayhead SET last_hash = 'x'",
        "UPDATE audit_dayhead SET previous_hash = 'x', entries = entries + 1",
        COPY.format(after=7),
        COPY.format(after=1),
        "TRUNCATE audit_entry",
        "TRUNCATE audit_dayhead",
    ],
)
def test_the_database_refuses_what_no_verb_does(deed: str) -> None:
    """Not even to the owner of the tables, whom no missing privilege keeps from it."""
    record("thing.done", by=SYSTEM)
    with (
        pytest.raises(DatabaseError, match=r"audit|Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL ROLE atrium")
        cursor.execute(deed)
    assert verify().is_intact


@pytest.mark.django_db(transaction=True)
def test_threads_that_record_at_once_make_one_chain() -> None:
    ola = person("ola")

    def work(number: int) -> None:
        try:
            for turn in range(10):
                with transaction.atomic():
                    record(
                        "thing.done",
                        by=Actor(f"Thread {number}"),
                        subject=ola,
                        turn=turn,
                    )
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_place = Entry.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(by_place) == list(range(1, 81))
    report = verify()
    assert report.is_intact and report.entries == 80
