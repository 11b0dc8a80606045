"""The usage page adds up, compares with the period before and leads to the calls; nobody sees a stranger's cent."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from tenants.models import User
from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage.asked import ask
from usage.dimensions import DIMENSIONS
from usage.figures import Figures, figures
from usage.filters import Filters
from usage.models import Call, PlatformRollup
from usage.movers import movers
from usage.period import Period, PeriodNotUnderstood, period_of
from usage.scope import sight_of
from usage.totals import Source

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 11, 24)


def told(viewer: User, query: str = "", by: str = "route") -> Figures:
    from django.http import QueryDict

    asked = ask(QueryDict(query), viewer, strict=True)
    return figures(asked.sight, asked.filters, asked.period, DIMENSIONS[by], currency=asked.currency)


def page(client: Client, viewer: User, address: str) -> str:
    client.force_login(viewer)
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def rows(response: object) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def test_it_works(cast: Cast, client: Client) -> None:
    called(cast.environment(), cost=Decimal("1.25"))
    called(cast.environment(), cost=Decimal("0.75"), outcome="failed", status=502)
    called(cast.environment(), cost=Decimal("4"), days_ago=40)
    shown = page(client, cast.vera, "/usage/")
    assert "$2.00" in shown and "less than the period before" in shown and "Errors" in shown
    assert 'href="?route=echo&amp;by=project"' in shown


def test_who_sees_everybody_is_offered_every_way_of_breaking_down(cast: Cast, client: Client) -> None:
    called(cast.environment(), by=cast.dev)
    shown = page(client, cast.fin, "/usage/")
    assert all(f"?by={slug}" in shown for slug in DIMENSIONS)
    assert "Dev" in page(client, cast.fin, "/usage/?by=person")


def test_the_share_of_errors_moves_by_points(cast: Cast, client: Client) -> None:
    for days_ago, outcomes in ((1, ["ok"] * 3 + ["failed"]), (40, ["ok"])):
        for outcome in outcomes:
            called(cast.environment(), outcome=outcome, status=502 if outcome == "failed" else 200, days_ago=days_ago)
    assert "+25 points on the period before" in page(client, cast.vera, "/usage/")


def test_every_way_of_breaking_down_adds_up_to_the_same(cast: Cast) -> None:
    for number in range(12):
        environment = cast.environment(("development", "test", "production")[number % 3])
        called(
            environment,
            days_ago=number % 5,
            by=cast.dev if number % 2 else None,
            route=f"route-{number % 4}",
            provider=f"provider-{number % 2}",
            cost=Decimal(number).scaleb(-9),
        )
    whole = Call.objects.aggregate(total=Sum("cost"))["total"]
    for viewer in (cast.olivia, cast.fin):
        for by in DIMENSIONS:
            found = told(viewer, by=by)
            assert sum(line.now.cost for line in found.lines) == found.now.cost == whole, (viewer, by)
            assert sum(line.now.calls for line in found.lines) == 12
            drawn = sum(sum(values) for _, values in found.series)
            assert drawn == whole


def test_over_all_tenants_the_platforms_totals_say_what_the_tenants_say(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal("1"))
    called(cast.environment(of=cast.foreign_project), cost=Decimal("2"))
    found = told(cast.fin, by="tenant")
    assert [(line.name.label, line.now.cost) for line in found.lines] == [("Globex", 2), ("Acme", 1)]
    assert {row.dimension for row in PlatformRollup.objects.all()} == {"tenant", "environment", "route", "provider"}
    assert told(cast.fin, "tenant=globex").now.cost == 2
    assert told(cast.fin, "environment=development").now.cost == 3


@pytest.mark.parametrize("length", [1, 6, 30, 90, 200])
def test_over_long_periods_the_spans_add_up_to_the_days(cast: Cast, length: int) -> None:
    today = timezone.now().date()
    for days_ago in range(0, 2 * length + 5, max(1, length // 6)):
        called(cast.environment(), cost=Decimal(1), days_ago=days_ago)
    since = today - dt.timedelta(days=length - 1)
    spent = Call.objects.filter(started_at__date__gte=since).count()
    before = Call.objects.filter(
        started_at__date__lt=since, started_at__date__gte=since - dt.timedelta(days=length)
    ).count()
    (line,) = told(cast.fin, f"since={since}&until={today}", by="tenant").lines
    assert (line.now.cost, line.now.calls) == (spent, spent)
    assert (line.before.cost, line.before.calls) == (before, before)


def test_members_see_their_tenant_and_their_own_calls_elsewhere_only(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal("1"))
    called(cast.environment(of=cast.foreign_project), cost=Decimal("2"))
    called(cast.environment(of=cast.foreign_project), cost=Decimal("4"), by=cast.ned)
    assert told(cast.vera).now.cost == 1
    assert told(cast.greta).now.cost == 6
    assert told(cast.ned).now.cost == 4
    assert told(cast.fin).now.cost == 7
    assert told(cast.vera, "tenant=globex").now.calls == 0
    assert told(cast.vera, "project=globex/secret").now.calls == 0


def test_only_my_calls(cast: Cast) -> None:
    called(cast.environment(), by=cast.dev, cost=Decimal("1"))
    called(cast.environment(), by=cast.olivia, cost=Decimal("2"))
    assert told(cast.dev, "person=me").now.cost == 1
    assert told(cast.dev, "person=olivia").now.cost == 2


def test_calls_without_a_price_are_counted_and_named(cast: Cast, client: Client) -> None:
    called(cast.environment(), cost=None, input_per_million=None, output_per_million=None)
    found = told(cast.vera)
    assert (found.now.unpriced, found.now.cost, found.measure) == (1, 0, "calls")
    assert "1 calls had no price" in page(client, cast.vera, "/usage/")


def test_currencies_are_never_added_up(cast: Cast, client: Client) -> None:
    called(cast.environment(), cost=Decimal("1"))
    called(cast.environment(), cost=Decimal("5"), currency="EUR")
    assert told(cast.vera).now.cost == 1
    assert told(cast.vera).other_currencies == {"EUR": Decimal(5)}
    assert told(cast.vera, "currency=EUR").now.cost == 5
    assert "€5.00 in EUR" in page(client, cast.vera, "/usage/")


def test_what_changed_is_told_in_words_with_its_cause(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal("10"), days_ago=40)
    called(cast.environment(), cost=Decimal("14.1"), days_ago=1)
    called(cast.environment(of=cast.foreign_project), cost=Decimal("8"), days_ago=40)
    period = Period("30d", timezone.now().date() - dt.timedelta(days=29), timezone.now().date())
    sight = sight_of(cast.fin)
    found = figures(sight, Filters(), period, DIMENSIONS["tenant"])
    first, second = movers(Source(sight, Filters(), "USD"), found)
    assert first.sentence.startswith("Globex spent nothing any more, after $8.00 in the 30 days before")
    assert second.sentence.replace("\u202f", " ") == (
        "Acme spends 41 % more than in the 30 days before: $14.10 after $10.00; mostly route echo in project Support."
    )


def test_what_grew_many_times_over_is_told_in_times(cast: Cast) -> None:
    called(cast.environment(), cost=Decimal("0.10"), days_ago=40)
    called(cast.environment(), cost=Decimal("11.82"), days_ago=1)
    period = Period("30d", timezone.now().date() - dt.timedelta(days=29), timezone.now().date())
    sight = sight_of(cast.fin)
    (mover,) = movers(Source(sight, Filters(), "USD"), figures(sight, Filters(), period, DIMENSIONS["tenant"]))
    assert mover.sentence.startswith("Acme spends 118 times as much as in the 30 days before: $11.82 after $0.10")


def test_a_person_without_calls_is_told_what_to_do(cast: Cast, client: Client) -> None:
    assert "Nothing was called yet" in page(client, cast.ned, "/usage/")
    assert "No calls fit" in page(client, cast.vera, "/usage/?route=nothing")


def test_what_an_address_says_wrongly_is_left_out_and_said(cast: Cast, client: Client) -> None:
    called(cast.environment())
    for wrong, words in (
        ("period=forever", "no period “forever”"),
        ("since=2026-13-01", "“2026-13-01” is not a day"),
        ("since=2026-02-01&until=2026-01-01", "ends before it begins"),
        ("route=%00", "cannot be read"),
        ("by=nonsense&measure=nonsense&sort=nonsense&currency=x", "By route"),
        ("by=nonsense", "no breakdown by “nonsense”"),
    ):
        assert words in page(client, cast.vera, f"/usage/?{wrong}"), wrong


def test_the_breakdown_as_csv_holds_every_line_and_no_formula(cast: Cast, client: Client) -> None:
    for number in range(30):
        called(cast.environment(), route=f"route-{number:02}")
    called(cast.environment(), route="=HYPERLINK(1)")
    client.force_login(cast.vera)
    head, *lines = rows(client.get("/usage/export.csv"))
    assert head[:3] == ["Route", "calls", "errors"] and len(lines) == 31
    assert "'=HYPERLINK(1)" in {line[0] for line in lines}
    assert sum(Decimal(line[head.index("cost")]) for line in lines) == Decimal("0.009036") * 31


def test_the_page_needs_few_queries(cast: Cast, client: Client, django_assert_max_num_queries: object) -> None:
    for number in range(40):
        called(cast.environment(), days_ago=number, route=f"route-{number % 9}", by=cast.dev, cost=Decimal(number))
    for viewer, address in ((cast.vera, "/usage/"), (cast.fin, "/usage/?by=tenant"), (cast.fin, "/usage/?tenant=acme")):
        client.force_login(viewer)
        client.get(address)
        with django_assert_max_num_queries(12):  # type: ignore[operator]
            client.get(address)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ({}, "2026-10-26", "2026-11-24"),
        ({"period": "7d"}, "2026-11-18", "2026-11-24"),
        ({"period": "month"}, "2026-11-01", "2026-11-24"),
        ({"period": "last-month"}, "2026-10-01", "2026-10-31"),
        ({"since": "2026-01-01", "until": "2026-01-01"}, "2026-01-01", "2026-01-01"),
        ({"since": "2026-11-01"}, "2026-11-01", "2026-11-24"),
        ({"until": "2026-11-01"}, "2026-11-01", "2026-11-01"),
    ],
)
def test_periods(query: dict[str, str], since: str, until: str) -> None:
    found = period_of(query, TODAY)
    assert (found.since.isoformat(), found.until.isoformat()) == (since, until)
    assert found.before.until == found.since - dt.timedelta(days=1) and found.before.length == found.length


@pytest.mark.parametrize("query", [{"period": "8d"}, {"since": "x"}, {"since": "0001-01-01"}, {"since": "2020-01-01"}])
def test_periods_that_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(PeriodNotUnderstood):
        period_of(query, TODAY)


def test_every_line_of_the_breakdown_is_reached_and_found(cast: Cast, client: Client) -> None:
    for number in range(60):
        called(cast.environment(), route=f"route-{number:02}", by=cast.dev, cost=Decimal(100 - number))
    client.force_login(cast.vera)
    first, last = client.get("/usage/").content.decode(), client.get("/usage/?page=3").content.decode()
    assert "1–25 of 60 lines" in first and "51–60 of 60 lines" in last
    assert ">route-59</a>" in last and ">route-00</a>" not in last
    found = client.get("/usage/?q=ROUTE-5").content.decode()
    assert "1–10 of 10 lines" in found and ">route-59</a>" in found and "Total of all" in found
    assert "q=ROUTE" not in found[found.index('href="/usage/calls/') :].split('"')[1]  # the calls know nothing of it
    assert "No line fits" in client.get("/usage/?q=zebra").content.decode()
    assert "51–60 of 60" in client.get("/usage/?page=999").content.decode()
    lines = client.get("/usage/export.csv?q=route-5").getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert [line.split(",")[0] for line in lines[1:3]] == ["route-50", "route-51"] and len(lines) == 11
    told = client.get("/api/usage/figures/?q=route-5").json()
    assert told["line_count"] == 10 and told["now"]["calls"] == 60
