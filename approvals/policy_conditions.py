"""When a policy holds: what it asks of a request's facts beyond its kind and environment, and whether they are so.

A condition that a policy does not name is not asked for. What a request does not say meets no condition: a policy for
high risk does not take what has no tier. A region that it names holds those below it: `eu` takes `eu-central-1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from refusals.errors import Invalid
from tenants.data_classes import DATA_CLASSES
from tenants.regions import is_in
from tenants.risk.tiers import TIERS

LISTS = {"risk_tiers": "risk", "data_classes": "data", "regions": "region"}
COST = "cost_above_a_month"
LONGEST = 60
MOST = 20


class UnfitCondition(Invalid):
    code = "unfit_condition"


@dataclass(frozen=True)
class Traits:
    """What a request is chosen by: its risk tier, classes of data, regions, and what it costs a month at most, in the
    installation's currency (None: nobody knows)."""

    risk_tiers: frozenset[str] = frozenset()
    data_classes: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    cost_a_month: Decimal | None = None


NO_TRAITS = Traits()


def read(when: Any) -> dict[str, Any]:
    """The conditions that somebody states, as they are kept. Raises `UnfitCondition`."""
    if not isinstance(when, Mapping):
        raise UnfitCondition("“when” is an object.", field="when")
    if other := sorted(str(name) for name in when.keys() - {*LISTS, COST}):
        raise UnfitCondition(
            f"A policy cannot ask for “{other[0][:40]}”. It may ask for {', '.join([*LISTS, COST])}.", field="when"
        )
    kept: dict[str, Any] = {name: _listed(name, when[name]) for name in LISTS if when.get(name)}
    if unknown := sorted(set(kept.get("risk_tiers", ())) - set(TIERS)):
        raise UnfitCondition(f"“{unknown[0]}” is no risk tier. There are {', '.join(TIERS)}.", field="when")
    if unknown := sorted(set(kept.get("data_classes", ())) - DATA_CLASSES.keys()):
        raise UnfitCondition(f"“{unknown[0]}” is no class of data. There are {', '.join(DATA_CLASSES)}.", field="when")
    if when.get(COST) not in (None, ""):
        kept[COST] = f"{_amount(when[COST]):f}"
    return kept


def holds(when: Mapping[str, Any], traits: Traits) -> bool:
    """Whether each condition is met by `traits`."""
    return all(_met(name, asked, traits) for name, asked in when.items())


def because(when: Mapping[str, Any], traits: Traits, currency: str) -> list[str]:
    """What of `traits` met the conditions, in words: `personal data`, `high risk`, `more than 1,000 EUR a month`."""
    told = []
    for name, asked in when.items():
        if name == COST:
            told.append(f"more than {Decimal(asked):,} {currency} a month")
        else:
            met = sorted(_among(name, asked, traits))
            told.append(f"region {', '.join(met)}" if name == "regions" else f"{', '.join(met)} {LISTS[name]}")
    return told


def words(when: Mapping[str, Any], currency: str) -> list[str]:
    """The conditions for who reads the policy."""
    told = [f"{LISTS[name]} {' or '.join(when[name])}" for name in LISTS if name in when]
    return [*told, f"more than {Decimal(when[COST]):,} {currency} a month"] if COST in when else told


def may_meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether something could meet both: no list that both name is without a word in common. A request has one tier; of
    classes of data and regions it may have several, so these never keep two apart."""
    return "risk_tiers" not in one or "risk_tiers" not in other or bool({*one["risk_tiers"]} & {*other["risk_tiers"]})


def _met(name: str, asked: Any, traits: Traits) -> bool:
    if name == COST:
        return traits.cost_a_month is not None and traits.cost_a_month > Decimal(asked)
    return bool(_among(name, asked, traits))


def _among(name: str, asked: Iterable[str], traits: Traits) -> frozenset[str]:
    """What of `traits` is one of those asked for, or, of regions, lies in one."""
    said: frozenset[str] = getattr(traits, name)
    return frozenset(region for region in said if is_in(region, asked)) if name == "regions" else said & set(asked)


def _listed(name: str, given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UnfitCondition(f"“{name}” is a list of words.", field="when")
    found = sorted({str(each).replace("\x00", "").strip().lower() for each in given})
    if len(found) > MOST or any(not each or len(each) > LONGEST for each in found):
        raise UnfitCondition(f"“{name}” has at most {MOST} words of at most {LONGEST} characters.", field="when")
    return found


def _amount(given: Any) -> Decimal:
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(given, bool) or not amount.is_finite() or not 0 <= amount < Decimal(10) ** 12:
        raise UnfitCondition(f"“{COST}” is an amount of money from 0.", field="when")
    return amount
