"""Small drawings made on the server, so that a sparkline needs no script and no chart library."""

from collections.abc import Iterable
from typing import Any

from ui.formatting import as_decimal

WIDTH, HEIGHT, MARGIN = 120, 32, 2


def numbers(values: Iterable[Any] | str | None) -> list[float]:
    """The figures of a list, or of text separated by commas; what is missing counts as zero."""
    if isinstance(values, str):
        values = values.split(",")
    return [float(as_decimal(value) or 0) for value in values or []]


def sparkline_points(values: Iterable[Any] | str | None) -> str:
    """`x,y x,y …` for a polyline in a box of 120 by 32, zero at the bottom unless a value is below it."""
    figures = numbers(values)
    if not figures:
        return ""
    if len(figures) == 1:
        figures *= 2
    low, high = min(0.0, *figures), max(figures)
    spread = (high - low) or 1.0
    step = (WIDTH - 2 * MARGIN) / (len(figures) - 1)
    return " ".join(
        f"{MARGIN + index * step:.1f},{HEIGHT - MARGIN - (figure - low) / spread * (HEIGHT - 2 * MARGIN):.1f}"
        for index, figure in enumerate(figures)
    )
