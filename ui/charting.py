"""What a chart shows, checked on the server, and the table that stands behind it with the same figures."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Literal

from django.utils.html import escape
from django.utils.safestring import SafeString

from ui import formatting

Kind = Literal["line", "area", "bar", "stacked", "horizontal", "donut"]
Unit = Literal["number", "money", "tokens", "ms", "percent"]

_shown = {
    "money": formatting.money,
    "tokens": formatting.tokens,
    "ms": formatting.duration_ms,
    "percent": formatting.percent,
    "number": formatting.exact_count,
}


def _linked(label: str, href: str) -> str:
    return f'<a href="{escape(href)}">{escape(label)}</a>' if href else escape(label)


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of the bars: a name and a figure for each label."""

    name: str
    values: Sequence[float | int | Decimal | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Labels along the axis (days as ISO dates are written short), series, unit, and addresses of the rows behind."""

    kind: Kind
    labels: Sequence[str]
    series: Sequence[Series]
    unit: Unit = "number"
    label_head: str = "Day"
    hrefs: Sequence[str] = field(default_factory=tuple)

    def drawn(self) -> dict[str, Any]:
        """What `static/js/charts.js` reads; decimals become floats because pixels need no more."""
        described = asdict(self)
        described["series"] = [
            {
                "name": s.name,
                "values": [None if v is None else float(v) for v in s.values],
            }
            for s in self.series
        ]
        described["labels"] = [str(label) for label in self.labels]
        return described

    def table(self) -> SafeString:
        """The rows of the table behind the chart as HTML: hundreds of cells, written without a template's detours."""
        return SafeString(
            "".join(
                f'<tr><th scope="row">{_linked(label, href)}</th>'
                + "".join(f'<td class="at-number">{escape(figure)}</td>' for figure in figures)
                + "</tr>"
                for label, figures, href in self.rows()
            )
        )

    def rows(self) -> Iterable[tuple[str, list[str], str]]:
        """Label, figures as written for people, address of the row (or empty), for the table behind the chart."""
        write = _shown[self.unit]
        for index, label in enumerate(self.labels):
            figures = [write(s.values[index] if index < len(s.values) else None) for s in self.series]
            yield (
                str(label),
                figures,
                self.hrefs[index] if index < len(self.hrefs) else "",
            )
