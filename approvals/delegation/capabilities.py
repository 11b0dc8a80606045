"""What can be left to tenants: rooms register their capabilities, governance knows none of them by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from approvals.delegation.tables import Mode
from refusals.errors import Invalid

FINEST = Decimal("0.000001")  # of an amount; much less (1e-999999) would be written out with a million digits


class UnknownCapability(Invalid):
    code = "unknown_capability"


class ThresholdNotUnderstood(Invalid):
    code = "threshold_not_understood"


@dataclass(frozen=True)
class Threshold:
    """A bound up to which a tenant decides: one of `levels`, weakest first, or (no levels) an amount of `unit`. What
    is measured and is none of the levels lies beyond them all."""

    name: str
    label: str
    levels: tuple[tuple[str, str], ...] = ()
    unit: str = ""

    def read(self, given: Any) -> str:
        """The bound as it is kept. Raises `ThresholdNotUnderstood`."""
        text = str("" if given is None else given).strip()
        if self.levels:
            if text in dict(self.levels):
                return text
            known = ", ".join(name for name, _ in self.levels)
            raise ThresholdNotUnderstood(f"“{self.label}” is one of {known}.", field=self.name)
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0 or amount >= 10**12 or amount % FINEST:
            raise ThresholdNotUnderstood(
                f"“{self.label}” is a number from 0 on, with at most six decimals.", field=self.name
            )
        return f"{amount.normalize():f}"

    def is_above(self, bound: str, measured: Any) -> bool:
        """Whether what is asked goes beyond `bound`; what was not measured does."""
        if self.levels:
            order = [name for name, _ in self.levels]
            return measured not in order or bound not in order or order.index(measured) > order.index(bound)
        return measured is None or Decimal(measured) > Decimal(bound)

    def words(self, bound: str) -> str:
        """`bound` as people read it."""
        if self.levels:
            return dict(self.levels).get(bound, bound).lower()
        named = self.label.lower()
        return f"a {named} of {Decimal(bound):,} {self.unit}" if self.unit else f"{Decimal(bound):,} {named}"


@dataclass(frozen=True)
class Capability:
    """Something that is decided again and again.

    `permission` is what the people of a tenant hold who decide where it is left to the tenant ("": there is none yet,
    and the rule itself approves). `kinds` are the subject kinds by which it is asked for. `means` says for each mode
    that it knows what it comes to; one that it lacks, it says why in `lacks`.
    """

    slug: str
    name: str
    sentence: str
    means: Mapping[Mode, str]
    default: Mode
    permission: str = ""
    kinds: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    lacks: str = ""
    order: int = 50

    def read_threshold(self, mode: str, given: Mapping[str, Any]) -> dict[str, str]:
        """The bounds of `mode`, each of them stated, nothing for a mode without. Raises `ThresholdNotUnderstood`."""
        if mode != Mode.ABOVE:
            return {}
        return {threshold.name: threshold.read(given.get(threshold.name)) for threshold in self.thresholds}

    def words(self, mode: str, threshold: Mapping[str, str]) -> str:
        """Who decides, as people read it: `The tenant up to development; the platform above`."""
        if mode != Mode.ABOVE:
            return str(Mode(mode).label)
        bounds = [each.words(threshold[each.name]) for each in self.thresholds if each.name in threshold]
        return f"The tenant up to {', '.join(bounds)}; the platform above"


_capabilities: dict[str, Capability] = {}


def register(capability: Capability) -> None:
    """Make `capability` known; registering a slug again replaces it."""
    _capabilities[capability.slug] = capability


def capability_of(slug: str) -> Capability:
    """The capability called `slug`. Raises `UnknownCapability`."""
    if slug not in _capabilities:
        known = ", ".join(each.slug for each in capabilities())
        raise UnknownCapability(f"There is no capability “{slug[:40]}”. Known are {known}.", field="capability")
    return _capabilities[slug]


def capabilities() -> list[Capability]:
    """Every registered capability, in the order of a team's way through the portal."""
    return sorted(_capabilities.values(), key=lambda each: (each.order, each.slug))
