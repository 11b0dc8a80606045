"""Regions by their names: a wider one holds those below it. Kept apart from any table, since the gateway asks it on a
call's way."""

from __future__ import annotations

from collections.abc import Iterable

MOST, LONGEST = 20, 60  # regions in a list, signs in a name


def is_in(region: str, allowed: Iterable[str]) -> bool:
    """Whether a region is one of those, or lies below one: `eu-central-1` in `eu`."""
    region = region.lower()
    return any(region == each or region.startswith((f"{each}-", f"{each} ", f"{each}/")) for each in allowed)


def in_both(these: Iterable[str], those: Iterable[str]) -> tuple[str, ...]:
    """The regions that lie in both lists, the narrower of two that lie in each other."""
    these, those = tuple(these), tuple(those)
    return tuple(
        sorted({each for each in these if is_in(each, those)} | {each for each in those if is_in(each, these)})
    )
