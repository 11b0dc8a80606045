"""The ledger takes each call exactly once, and its totals are the sums of its calls."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection
from django.db.models import Count, Q, Sum
from django.test.utils import CaptureQueriesContext

from audit.identifiers import uuid7
from tenants.scope import everything
from tests.cast import Cast
from usage.calls import CallRecord
from usage.ledger import write
from usage.models import Call, Rollup

NOON = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


def record(cast: Cast, **changes: object) -> CallRecord:
    environment = cast.environment()
    plain = CallRecord(
        id=uuid7(),
        tenant_id=environment.tenant_id,
        project_id=environment.project_id,
        environment_id=environment.id,
        origin="api",
        route="echo",
        model_slug="echo",
        provider="echo",
        upstream_name="echo-1",
        request_id="r-1",
        outcome="ok",
        status=200,
        started_at=NOON,
        duration_ms=120,
        usage_source="provider",
        key_prefix="atrium_dev_abc",
        input_tokens=10,
        output_tokens=20,
        cost=Decimal("0.000050000001"),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def varied(cast: Cast, count: int, seed: int = 7) -> list[CallRecord]:
    dice = random.Random(seed)
    base = record(cast)
    return [
        dataclasses.replace(
            base,
            id=uuid7(),
            started_at=NOON + dt.timedelta(hours=dice.randint(-60, 60)),
            route=dice.choice(["echo", "other", "third"]),
            key_prefix=dice.choice(["", "atrium_dev_abc"]),
            user_id=dice.choice([None, cast.dev.id]),
            outcome=dice.choice(["ok", "ok", "failed", "cancelled", "interrupted"]),
            input_tokens=dice.randint(0, 4000),
            output_tokens=dice.randint(0, 900),
            duration_ms=dice.randint(1, 90_000),
            cost=dice.choice([None, Decimal(dice.randint(0, 10**9)).scaleb(-12)]),
        )
        for _ in range(count)
    ]


def assert_totals_are_the_sums_of_the_calls() -> None:
    line = ["day", "tenant", "project", "environment", "key_prefix", "user", "route", "provider", "currency"]
    figures = ["calls", "errors", "unpriced", "input_tokens", "output_tokens", "duration_ms", "cost"]
    totals = {row[:9]: row[9:] for row in Rollup.objects.values_list(*line, *figures)}
    summed = (
        Call.objects.extra(select={"day": "(started_at AT TIME ZONE 'UTC')::date"})
        .values(*line)
        .annotate(
            n=Count("id"),
            bad=Count("id", filter=Q(outcome__in=["failed", "interrupted"])),
            no_price=Count("id", filter=Q(cost=None)),
            tokens_in=Sum("input_tokens"),
            tokens_out=Sum("output_tokens"),
            took=Sum("duration_ms"),
            money=Sum("cost"),
        )
        .order_by()
        .values_list(*line, "n", "bad", "no_price", "tokens_in", "tokens_out", "took", "money")
    )
    assert totals == {row[:9]: (*row[9:-1], row[-1] or Decimal(0)) for row in summed}


def test_a_call_is_kept_with_everything_that_is_known_of_it(cast: Cast) -> None:
    wanted = record(
        cast,
        user_id=cast.dev.id,
        first_token_ms=40,
        grant_id=uuid7(),
        price_id=uuid7(),
        input_per_million=Decimal("1.500000"),
        finish_reason="stop",
        is_streamed=True,
    )
    assert write([wanted]) == 1
    kept = Call.objects.get()
    for field in dataclasses.fields(CallRecord):
        assert getattr(kept, field.name) == getattr(wanted, field.name), field.name


def test_the_record_has_the_columns_of_the_table(db: None) -> None:
    assert {field.name for field in dataclasses.fields(CallRecord)} == {f.attname for f in Call._meta.concrete_fields}


def test_a_second_delivery_changes_nothing(cast: Cast) -> None:
    calls = varied(cast, 50)
    assert write(calls) == 50
    assert write([*calls[20:], record(cast)]) == 1
    assert Call.objects.count() == 51
    assert_totals_are_the_sums_of_the_calls()


def test_the_same_call_twice_in_one_batch_counts_once(cast: Cast) -> None:
    once = record(cast)
    assert write([once, once]) == 1
    assert Rollup.objects.get().calls == 1


def test_nothing_to_write_writes_nothing(db: None) -> None:
    assert write([]) == 0


def test_a_batch_with_an_unknown_tenant_is_refused_whole(cast: Cast) -> None:
    with pytest.raises(IntegrityError):
        write([record(cast), record(cast, tenant_id=uuid7())])


def test_days_are_utc_days_whatever_the_clock_of_the_call(cast: Cast) -> None:
    late_in_new_york = dt.datetime(2026, 3, 4, 23, 0, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    write([record(cast, started_at=late_in_new_york)])
    assert Rollup.objects.get().day == dt.date(2026, 3, 5)


def test_texts_that_postgres_refuses_or_that_are_too_long_are_made_to_fit(cast: Cast) -> None:
    write([record(cast, error_message="a\0b\ud800" + "x" * 900, route="é" * 300, input_tokens=-5, duration_ms=2**40)])
    kept = Call.objects.get()
    assert kept.error_message.startswith("a\N{REPLACEMENT CHARACTER}b?") and len(kept.error_message) == 500
    assert (kept.route, kept.input_tokens, kept.duration_ms) == ("é" * 120, 0, 2**31 - 1)


@pytest.mark.django_db(transaction=True)
def test_writers_who_meet_neither_lose_nor_double_a_call(transactional_db: None) -> None:
    cast = Cast.create()
    calls = varied(cast, 400)
    new: list[int] = []

    @everything("as the gateway's thread does")
    def deliver(seed: int) -> None:
        mine = calls[:]
        random.Random(seed).shuffle(mine)
        for start in range(0, len(mine), 80):
            new.append(write(mine[start : start + 80]))
        connection.close()

    writers = [threading.Thread(target=deliver, args=(seed,)) for seed in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(new) == 30, "a writer failed"
    assert sum(new) == Call.objects.count() == 400
    assert_totals_are_the_sums_of_the_calls()


def test_five_thousand_calls_take_as_few_statements_as_one(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as of_one:
        assert write(varied(cast, 1)) == 1
    calls = varied(cast, 5000)
    with CaptureQueriesContext(connection) as of_many:
        assert write(calls) == 5000
    assert len(of_many) <= len(of_one)
    assert_totals_are_the_sums_of_the_calls()
