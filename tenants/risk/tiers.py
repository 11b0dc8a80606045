"""The tier that follows from answers, by the rules of `rules.yaml`, with its reasons and what they mean in frameworks.

The file is the installation's and read once; a mistake in it stops the start, not somebody's request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tenants.data_classes import DATA_CLASSES

LOW, MEDIUM, HIGH = "low", "medium", "high"
TIERS = (LOW, MEDIUM, HIGH)
WORDS = {LOW: "Low risk", MEDIUM: "Medium risk", HIGH: "High risk"}
USE_CASE, MODEL = "use-case", "model"
SUBJECTS = {USE_CASE: "Use cases", MODEL: "Models"}
FILE = Path(__file__).with_name("rules.yaml")

type Answers = Mapping[str, Any]
type Condition = Mapping[str, tuple[str, ...]]


class RulesWrong(ValueError):
    """The file of rules contradicts itself."""


@dataclass(frozen=True)
class Framework:
    """A framework with its categories by key, and where its text stands."""

    key: str
    name: str
    source: str
    url: str
    categories: Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """What is asked, and the answers by key."""

    key: str
    asks: str
    answers: Mapping[str, str]
    help: str = ""


@dataclass(frozen=True)
class Mapped:
    """What a rule means in a framework: a category, and the article or section that says so."""

    framework: str
    category: str
    at: str

    @property
    def key(self) -> str:
        """As filters name it."""
        return f"{self.framework}:{self.category}"

    @property
    def words(self) -> str:
        held = rules().frameworks[self.framework]
        return f"{held.name}: {held.categories[self.category]} ({self.at})"


@dataclass(frozen=True)
class Rule:
    """A reason for a tier. Without a condition it holds where no other rule of its subject applies."""

    key: str
    subject: str
    tier: str
    sentence: str
    when: Condition
    unless: Condition
    maps: tuple[Mapped, ...]

    def applies(self, answers: Answers) -> bool:
        """Whether every line of `when` holds and none of `unless`."""
        held = all(_is_one_of(answers.get(key), values) for key, values in self.when.items())
        return bool(self.when) and held and not any(_is_one_of(answers.get(k), v) for k, v in self.unless.items())


@dataclass(frozen=True)
class Rules:
    """Everything of the file."""

    version: str
    frameworks: Mapping[str, Framework]
    questions: Mapping[str, Mapping[str, Question]]
    rules: tuple[Rule, ...]

    def of(self, subject: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.subject == subject)


@dataclass(frozen=True)
class Risk:
    """The tier, the rules that led to it with the gravest first, and the version of the rules."""

    tier: str
    rules: tuple[Rule, ...]
    version: str

    @property
    def words(self) -> str:
        return WORDS[self.tier]

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(rule.sentence for rule in self.rules)

    @property
    def maps(self) -> tuple[Mapped, ...]:
        """What it means in frameworks, each once."""
        return tuple(dict.fromkeys(each for rule in self.rules for each in rule.maps))


def assess(subject: str, answers: Answers) -> Risk:
    """The risk that follows from `answers` to the questions of `subject` (`use-case`, `model`)."""
    held = rules()
    found = [rule for rule in held.of(subject) if rule.applies(answers)]
    found = found or [rule for rule in held.of(subject) if not rule.when]
    found.sort(key=lambda rule: -TIERS.index(rule.tier))
    return Risk(found[0].tier, tuple(found), held.version)


@cache
def rules() -> Rules:
    """The rules of the file. Raises `RulesWrong`."""
    return read(FILE.read_text())


def read(text: str) -> Rules:
    """The rules that a file states. Raises `RulesWrong` for what contradicts itself."""
    said = yaml.safe_load(text)
    frameworks = {key: Framework(key, **held) for key, held in said["frameworks"].items()}
    questions = {
        subject: {key: _question(key, held) for key, held in asked.items()}
        for subject, asked in said["questions"].items()
    }
    found = tuple(_rule(each) for each in said["rules"])
    for rule in found:
        _check(rule, frameworks, questions)
    for subject in questions:
        if sum(not rule.when for rule in found if rule.subject == subject) != 1:
            raise RulesWrong(f"{subject}: one rule holds where no other does, not none and not several")
    if len({rule.key for rule in found}) != len(found):
        raise RulesWrong("two rules have the same key")
    return Rules(said["version"], frameworks, questions, found)


def _question(key: str, held: Mapping[str, Any]) -> Question:
    answers = DATA_CLASSES if held["answers"] == "data-classes" else held["answers"]
    return Question(key, held["asks"], dict(answers), held.get("help", ""))


def _rule(said: Mapping[str, Any]) -> Rule:
    maps = tuple(Mapped(**each) for each in said.get("maps", ()))
    when, unless = _condition(said.get("when")), _condition(said.get("unless"))
    return Rule(said["key"], said["subject"], said["tier"], said["sentence"], when, unless, maps)


def _condition(said: Mapping[str, Any] | None) -> Condition:
    return {key: tuple(value) if isinstance(value, list) else (value,) for key, value in (said or {}).items()}


def _check(rule: Rule, frameworks: Mapping[str, Framework], questions: Mapping[str, Mapping[str, Question]]) -> None:
    if rule.tier not in TIERS or rule.subject not in questions:
        raise RulesWrong(f"{rule.key}: its tier or its subject is unknown")
    for key, values in (*rule.when.items(), *rule.unless.items()):
        question = questions[rule.subject].get(key)
        if question is None or not set(values) <= set(question.answers):
            raise RulesWrong(f"{rule.key}: nobody is asked for “{key}” with these answers: {', '.join(values)}")

    for each in rule.maps:
        if each.framework not in frameworks or each.category not in frameworks[each.framework].categories:
            raise RulesWrong(f"{rule.key}: {each.framework} has no category {each.category}")


def _is_one_of(answer: Any, values: tuple[str, ...]) -> bool:
    given = answer if isinstance(answer, list | tuple) else [answer]
    return any(each in values for each in given)
