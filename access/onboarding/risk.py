"""How risky a use case is, from what its team says of it, by rules that are read as they stand.

The tier is the highest of the rules that apply. They follow what the EU AI Act (Regulation 2024/1689, Annex III) and
the GDPR (Articles 9 and 22) look at, and are meant to be argued with: each is a sentence that is shown with the tier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LOW, MEDIUM, HIGH = "low", "medium", "high"
TIERS = (LOW, MEDIUM, HIGH)
WORDS = {LOW: "Low risk", MEDIUM: "Medium risk", HIGH: "High risk"}

type UseCase = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A reason for a tier: its sentence, and whether it applies to the answers of the page “use case”."""

    tier: str
    sentence: str
    applies: Callable[[UseCase], bool]


@dataclass(frozen=True)
class Risk:
    """The tier, and the sentences of the rules that led to it; the gravest first."""

    tier: str
    reasons: tuple[str, ...]

    @property
    def words(self) -> str:
        return WORDS[self.tier]


def _data(use_case: UseCase, *classes: str) -> bool:
    return bool(set(classes) & set(use_case.get("data_classes", ())))


def _affects_outsiders(use_case: UseCase) -> bool:
    return use_case.get("affected") in ("customers", "public")


RULES: tuple[Rule, ...] = (
    Rule(
        HIGH,
        "It decides, or helps to decide, about people: work, credit, education, health or benefits.",
        lambda case: case.get("about_people") == "yes",
    ),
    Rule(
        HIGH,
        "Special categories of personal data are processed (health, beliefs, biometrics and the like).",
        lambda case: _data(case, "special"),
    ),
    Rule(
        HIGH,
        "It acts without a person, and customers or the public feel what it does.",
        lambda case: case.get("autonomy") in ("watched", "alone") and _affects_outsiders(case),
    ),
    Rule(
        HIGH,
        "Personal data may be processed outside the European Union.",
        lambda case: _data(case, "personal", "special") and case.get("region") != "eu",
    ),
    Rule(MEDIUM, "Personal data is processed.", lambda case: _data(case, "personal")),
    Rule(MEDIUM, "Confidential business data is processed.", lambda case: _data(case, "confidential")),
    Rule(MEDIUM, "Customers or the public are affected.", _affects_outsiders),
    Rule(MEDIUM, "It acts without a person.", lambda case: case.get("autonomy") in ("watched", "alone")),
)
NOTHING = "No rule raises it: a person decides, inside the organisation, on data that is not sensitive."


def risk_of(use_case: UseCase) -> Risk:
    """The tier of a use case, with its reasons."""
    found = [rule for rule in RULES if rule.applies(use_case)]
    if not found:
        return Risk(LOW, (NOTHING,))
    tier = max((rule.tier for rule in found), key=TIERS.index)
    return Risk(tier, tuple(rule.sentence for rule in found))
