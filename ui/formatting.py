"""How figures are written for people: money, tokens, durations, shares and times.

Everything here is pure and takes the exact value; what is shortened for the eye keeps its exact form beside it
(`exact_*`), which templates put into `title`.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

NOTHING = "—"
SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "CHF": "CHF\u00a0",
    "INR": "₹",
}
SIGNIFICANT_BELOW_ONE = 3
MANIFOLD = 2  # a fraction from which growth is told in times, because nobody reads "11,719 %"
NARROW_SPACE = "\u202f"

Number = int | float | Decimal | str | None


def as_decimal(value: Number) -> Decimal | None:
    """The exact decimal of a number or numeric text; None for nothing, for text that is no number and for NaN."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def money(value: Number, currency: str = "USD") -> str:
    """`$1,284.10`, `$0.00042`: two places from one unit up, below that three digits that matter."""
    amount = as_decimal(value)
    if amount is None:
        return NOTHING
    sign = "−" if amount < 0 else ""
    amount = abs(amount)
    places = 2
    if amount and amount < 1:
        places = max(2, SIGNIFICANT_BELOW_ONE - 1 - amount.adjusted())
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    whole, _, fraction = f"{rounded:,f}".partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0") if amount < 1 else fraction
    return f"{sign}{_symbol(currency)}{whole}.{fraction}"


def exact_money(value: Number, currency: str = "USD") -> str:
    """Every digit kept, with the currency's code: `0.000421875 USD`."""
    amount = as_decimal(value)
    return NOTHING if amount is None else f"{amount.normalize():,f} {currency}"


def _symbol(currency: str) -> str:
    return SYMBOLS.get(currency.upper(), f"{currency.upper()}\u00a0")


def tokens(value: Number) -> str:
    """`999`, `12.4k`, `1.2M`, `3.4B`."""
    count = as_decimal(value)
    if count is None:
        return NOTHING
    for limit, suffix in (
        (Decimal(10) ** 9, "B"),
        (Decimal(10) ** 6, "M"),
        (Decimal(1000), "k"),
    ):
        # 999,950 would round up to 1000.0k: it belongs to the next unit already.
        if abs(count) >= limit * Decimal("0.99995") and abs(count) >= 1000:
            shown = (count / limit).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)
            return f"{shown:f}".removesuffix(".0") + suffix
    return f"{count.to_integral_value():f}" if count == count.to_integral_value() else f"{count:.1f}"


def exact_count(value: Number) -> str:
    """`12,431`."""
    count = as_decimal(value)
    return NOTHING if count is None else f"{count:,f}"


def duration(value: Number | timedelta) -> str:
    """`340 ms`, `1.2 s`, `2 min 5 s`, `3 h 4 min`, `5 d 2 h` of seconds or a timedelta."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    number = as_decimal(value)
    if number is None:
        return NOTHING
    seconds = float(number)
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for size, unit, small_size, small_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"


def duration_ms(value: Number) -> str:
    """The same of milliseconds."""
    number = as_decimal(value)
    return NOTHING if number is None else duration(number / 1000)


def growth(fraction: Number) -> str:
    """How a figure compares, to be followed by what with: "12 % more than", "118 times" (from threefold on)."""
    number = as_decimal(fraction)
    if number is None:
        return NOTHING
    if number >= MANIFOLD:
        return f"{number + 1:.0f} times"
    if not number:
        return "the same as"
    return f"{percent(abs(number))} {'more' if number > 0 else 'less'} than"


def signed_growth(fraction: Number) -> str:
    """The same for a table: `+12 %`, `−4 %`, `×118`."""
    number = as_decimal(fraction)
    if number is None:
        return NOTHING
    if number >= MANIFOLD:
        return f"×{number + 1:.0f}"
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{percent(abs(number))}"


def percent(fraction: Number) -> str:
    """`41 %` of 0.413; one decimal below 10 %, `<0.1 %` for what would vanish."""
    share = as_decimal(fraction)
    if share is None:
        return NOTHING
    hundredths = share * 100
    if 0 < abs(hundredths) < Decimal("0.05"):
        return f"{'−' if hundredths < 0 else ''}<0.1{NARROW_SPACE}%"
    places = "0.1" if abs(hundredths) < 10 and hundredths != hundredths.to_integral_value() else "1"
    shown = f"{hundredths.quantize(Decimal(places), rounding=ROUND_HALF_EVEN):f}".removesuffix(".0")
    return f"{shown.replace('-', '−')}{NARROW_SPACE}%"


def points(difference: Number) -> str:
    """`+0.03 points`, `−1.2 points`: how a share moved, in hundredths of the whole."""
    moved = as_decimal(difference)
    if moved is None:
        return NOTHING
    hundredths = (moved * 100).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
    if not hundredths:
        return "no change"
    shown = f"{abs(hundredths):f}".rstrip("0").rstrip(".")
    return f"{'+' if hundredths > 0 else '−'}{shown} point{'' if shown == '1' else 's'}"


def byte_size(value: Number) -> str:
    """`840 kB`, `877 MB`, `1.2 GB`: powers of a thousand, as SI has them."""
    count = as_decimal(value)
    if count is None:
        return NOTHING
    for limit, unit in ((10**9, "GB"), (10**6, "MB"), (1000, "kB")):
        if abs(count) >= limit:
            places = "0.1" if limit == 10**9 else "1"
            return f"{(count / limit).quantize(Decimal(places), rounding=ROUND_HALF_EVEN):,f} {unit}"
    return f"{count:f} B"


def counted(count: int, one: str, several: str = "") -> str:
    """`1 finding`, `2,000 findings`, `0 entries`."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def as_moment(value: datetime | date | str | None) -> datetime | None:
    """The moment in UTC; a date is its midnight, ISO text is read, a naive time is taken as UTC."""
    if not value:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def relative_time(moment: datetime, now: datetime) -> str:
    """`just now`, `in a moment`, `3 minutes ago`, `in 2 days`; from 30 days on the date itself."""
    seconds = (moment - now).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return "in a moment" if seconds > 5 else "just now"  # clocks differ a little
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if distance >= size * 0.95:
            count = max(1, round(distance / size))
            if unit == "day" and count >= 30:
                return f"{moment:%d %b %Y}".lstrip("0")
            named = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {named}" if seconds > 0 else f"{named} ago"
    return "in a minute" if seconds > 0 else "a minute ago"


def plain_value(value: Any) -> str:
    """A value of JSON as people read it: lists by commas, yes and no, mappings by their names."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain_value(each) for each in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {plain_value(each)}" for name, each in value.items()) or "none"
    return str(value)
