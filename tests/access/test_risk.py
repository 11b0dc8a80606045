"""The tier is the highest of the rules that apply, and says why."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from access.onboarding.forms import AFFECTED, AUTONOMY, DATA_CLASSES, REGIONS
from access.onboarding.risk import NOTHING, RULES, TIERS, risk_of

HARMLESS: dict[str, Any] = {
    "data_classes": ["public"], "affected": "team", "about_people": "no", "autonomy": "suggests", "region": "any"
}  # fmt: skip


def test_it_works() -> None:
    assert risk_of(HARMLESS).tier == "low" and risk_of(HARMLESS).reasons == (NOTHING,)


@pytest.mark.parametrize(
    ("change", "tier"),
    [
        ({"about_people": "yes"}, "high"),
        ({"data_classes": ["special"], "region": "eu"}, "high"),
        ({"autonomy": "alone", "affected": "public"}, "high"),
        ({"autonomy": "watched", "affected": "staff"}, "medium"),
        ({"autonomy": "confirmed", "affected": "customers"}, "medium"),
        ({"data_classes": ["personal"], "region": "eu"}, "medium"),
        ({"data_classes": ["personal"], "region": "eu-us"}, "high"),
        ({"data_classes": ["confidential"]}, "medium"),
        ({"data_classes": ["internal"]}, "low"),
    ],
)
def test_a_rule_raises_it(change: dict[str, Any], tier: str) -> None:
    assert risk_of(HARMLESS | change).tier == tier


def test_every_rule_can_apply_and_no_answer_is_without_a_tier() -> None:
    seen = set()
    for data, affected, about, autonomy, region in product(DATA_CLASSES, AFFECTED, ("yes", "no"), AUTONOMY, REGIONS):
        case = {"data_classes": [data], "affected": affected, "about_people": about, "autonomy": autonomy,
                "region": region}  # fmt: skip
        risk = risk_of(case)
        assert risk.tier in TIERS and risk.reasons
        seen |= set(risk.reasons)
    assert {rule.sentence for rule in RULES} <= seen
