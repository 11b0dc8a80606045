"""Figures as people read them, at every edge where a digit or a unit changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ui.formatting import (
    as_moment,
    byte_size,
    duration,
    duration_ms,
    exact_count,
    exact_money,
    growth,
    money,
    percent,
    points,
    relative_time,
    signed_growth,
    tokens,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("0"), "$0.00"),
        (Decimal("0.00042"), "$0.00042"),
        (Decimal("0.000421875"), "$0.000422"),
        (Decimal("0.000000001234"), "$0.00000000123"),
        (Decimal("0.075"), "$0.075"),
        (Decimal("0.5"), "$0.50"),
        (Decimal("0.999"), "$0.999"),
        (Decimal("0.9996"), "$1.00"),
        (Decimal("1"), "$1.00"),
        (Decimal("12.345"), "$12.34"),
        (Decimal("1284.1"), "$1,284.10"),
        (Decimal("1234567.891"), "$1,234,567.89"),
        (Decimal("-3.5"), "−$3.50"),
        ("3", "$3.00"),
        (None, "—"),
        ("nothing", "—"),
        (Decimal("NaN"), "—"),
    ],
)
def test_money_shows_the_digits_that_matter(amount, shown):
    assert money(amount) == shown


def test_money_names_its_currency():
    assert money(Decimal("2"), "EUR") == "€2.00"
    assert money(Decimal("2"), "SEK") == "SEK\u00a02.00"
    assert exact_money(Decimal("1234.50000"), "EUR") == "1,234.5 EUR"
    assert exact_money(Decimal("0.000421875")) == "0.000421875 USD"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (1000, "1k"),
        (12431, "12.4k"),
        (999_949, "999.9k"),
        (999_950, "1M"),
        (1_250_000, "1.2M"),
        (3_400_000_000, "3.4B"),
        (-2500, "-2.5k"),
        (1.5, "1.5"),
        (None, "—"),
    ],
)
def test_tokens_are_short_and_exact_beside(count, shown):
    assert tokens(count) == shown


def test_the_exact_count_has_every_digit():
    assert exact_count(1234567) == "1,234,567"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"),
        (0.34, "340 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (42, "42 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (11040, "3 h 4 min"),
        (183600, "2 d 3 h"),
        (timedelta(minutes=2), "2 min"),
        (-5, "−5.0 s"),
        (None, "—"),
    ],
)
def test_a_duration_has_the_unit_of_its_size(seconds, shown):
    assert duration(seconds) == shown


def test_milliseconds_are_durations_too():
    assert duration_ms(1240) == "1.2 s"


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (Decimal("0.413"), "41\u202f%"),
        (Decimal("0.031"), "3.1\u202f%"),
        (Decimal("0.05"), "5\u202f%"),
        (0, "0\u202f%"),
        (1, "100\u202f%"),
        (Decimal("0.0001"), "<0.1\u202f%"),
        (Decimal("-0.2"), "−20\u202f%"),
        (None, "—"),
    ],
)
def test_a_share_is_written_in_percent(fraction, shown):
    assert percent(fraction) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "just now"),
        (3, "just now"),
        (10, "in a moment"),
        (-50, "a minute ago"),
        (-180, "3 minutes ago"),
        (-3600, "1 hour ago"),
        (-3 * 3600, "3 hours ago"),
        (2 * 86400, "in 2 days"),
        (50, "in a minute"),
        (-40 * 86400, "15 Oct 2026"),
    ],
)
def test_time_is_told_from_now_and_by_date_when_long_ago(seconds, shown):
    assert relative_time(NOW + timedelta(seconds=seconds), NOW) == shown


def test_a_moment_is_read_from_what_there_is():
    assert as_moment("2026-11-24T13:00:00+01:00") == NOW
    assert as_moment(NOW.date()) == NOW.replace(hour=0)
    assert as_moment("yesterday") is None
    assert as_moment(None) is None


@pytest.mark.parametrize(
    ("fraction", "words", "figure"),
    [
        (None, "—", "—"),
        ("0", "the same as", "0\u202f%"),
        ("0.124", "12\u202f% more than", "+12\u202f%"),
        ("-0.05", "5\u202f% less than", "−5\u202f%"),
        ("1.99", "199\u202f% more than", "+199\u202f%"),
        ("2", "3 times", "×3"),
        ("117.19", "118 times", "×118"),
    ],
)
def test_growth_is_told_in_per_cent_and_from_threefold_on_in_times(
    fraction: str | None, words: str, figure: str
) -> None:
    assert growth(fraction) == words
    assert signed_growth(fraction) == figure


@pytest.mark.parametrize(
    ("count", "written"),
    [(None, "—"), (900, "900 B"), (839_600_000, "840 MB"), (12_000, "12 kB"), (1_250_000_000, "1.2 GB")],
)
def test_sizes_are_powers_of_a_thousand(count: int | None, written: str) -> None:
    assert byte_size(count) == written


@pytest.mark.parametrize(
    ("moved", "written"),
    [
        ("0.0003", "+0.03 points"),
        ("-0.012", "−1.2 points"),
        ("0.01", "+1 point"),
        ("0.00001", "no change"),
        (None, "—"),
    ],
)
def test_shares_move_by_points(moved: str | None, written: str) -> None:
    assert points(moved) == written
