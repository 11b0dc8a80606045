"""Which limit really applies at a place: the smallest of its own and of everything above it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ui.formatting import exact_count
from usage.limits.places import Place
from usage.limits.tables import Limit, Metric

UNITS = {metric.value: str(metric.label).lower() for metric in Metric}
Held = Mapping[UUID, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Effective:
    """The limit of one metric at one place: `amount` None where nothing limits it; `own` is what is set there."""

    metric: str
    place: Place
    own: int | None
    amount: int | None
    source: Place | None

    @property
    def label(self) -> str:
        return str(Metric(self.metric).label)

    @property
    def head(self) -> str:
        """Its label at the head of a column, among others that count over a minute."""
        return self.label.removesuffix(" a minute")

    @property
    def is_own(self) -> bool:
        return self.source is not None and self.source.id == self.place.id

    @property
    def sentence(self) -> str:
        """Why it is so, to be read beside it."""
        units = UNITS[self.metric]
        if self.amount is None or self.source is None:
            return f"Nothing limits {units} here."
        amount = exact_count(self.amount)
        if self.own is not None and not self.is_own:
            return (
                f"{_possessive(self.source)} {amount} {units} apply, not the {exact_count(self.own)} that are set here."
            )
        if self.is_own:
            shared = "" if self.place.level == "key" else ", for everything in it together"
            return f"{amount} {units}, set here{shared}."
        return f"{_possessive(self.source)} {amount} {units} apply, shared with everything else in it."


def held_limits(tenant_id: UUID) -> Held:
    """The limits that are set anywhere in a tenant, by the place's key and the metric; one query."""
    found: dict[UUID, dict[str, int]] = {}
    for limit in Limit.objects.filter(tenant=tenant_id):
        found.setdefault(limit.attached_to, {})[limit.metric] = limit.amount
    return found


def effective(place: Place, held: Held) -> list[Effective]:
    """What applies at `place` for every metric. Of two that are equal the narrower is named."""
    found = []
    for metric in Metric.values:
        amounts = [(held[each.id][metric], each) for each in place.chain if metric in held.get(each.id, {})]
        amount, source = min(amounts, key=lambda pair: pair[0], default=(None, None))
        found.append(Effective(metric, place, held.get(place.id, {}).get(metric), amount, source))
    return found


def _possessive(place: Place) -> str:
    words = place.words
    return f"{words[0].upper()}{words[1:]}'s"
