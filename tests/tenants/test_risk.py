"""The tier is the highest of the rules that apply, and says why."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tenants.risk.tiers import FILE, MODEL, SUBJECTS, TIERS, USE_CASE, Risk, RulesWrong, assess, read, rules

HARMLESS: dict[str, Any] = {
    "data_classes": ["public"], "affected": "team", "about_people": "no", "autonomy": "suggests", "region": "any"
}  # fmt: skip


def risk_of(answers: dict[str, Any]) -> Risk:
    return assess(USE_CASE, answers)


def test_it_works() -> None:
    assert risk_of(HARMLESS).tier == "low" and risk_of(HARMLESS).reasons[0].startswith("No rule raises it")
    assert [each.key for each in risk_of(HARMLESS).maps] == ["eu-ai-act:minimal", "nist-ai-rmf:map"]


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


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_rule_can_apply_and_no_answer_is_without_a_tier(subject: str) -> None:
    questions = rules().questions[subject]
    asked = [key for key in questions if key != "practices"]
    seen = set()
    for given in product(*(questions[key].answers for key in asked)):
        risk = assess(subject, dict(zip(asked, given, strict=True)))
        assert risk.tier in TIERS and risk.reasons and risk.rules[0].tier == risk.tier
        assert risk.tier == max((rule.tier for rule in risk.rules), key=TIERS.index)
        seen |= {rule.key for rule in risk.rules}
    assert {rule.key for rule in rules().of(subject)} - {"prohibited-practice"} == seen
    prohibited = risk_of({"practices": ["scores"]})
    assert prohibited.tier == "high" and "eu-ai-act:prohibited" in {each.key for each in prohibited.maps}


def test_every_rule_says_where_it_stands_in_frameworks() -> None:
    for rule in rules().rules:
        assert rule.maps, rule.key
        for each in rule.maps:
            assert each.at and each.words
    assert {each.framework for rule in rules().of(MODEL) for each in rule.maps} == set(rules().frameworks)
    for framework in rules().frameworks.values():
        assert framework.source and framework.url.startswith("https://")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('when: {about_people: "yes"}', 'when: {about_people: "perhaps"}'),
        ('when: {about_people: "yes"}', 'when: {about_persons: "yes"}'),
        ("category: prohibited", "category: forbidden"),
        ("tier: medium", "tier: middling"),
        ("key: personal-data\n", "key: outsiders\n"),
        ('when: {about_people: "yes"}', ""),
    ],
)
def test_rules_that_contradict_themselves_are_not_taken(before: str, after: str) -> None:
    text = FILE.read_text()
    assert before in text
    with pytest.raises(RulesWrong):
        read(text.replace(before, after, 1))
