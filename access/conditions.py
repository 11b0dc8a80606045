"""What a grant demands of every call: the purposes, classes of data and regions that it is for, and how far a call's
parameters may go. Plain values, which the gateway holds in memory; nothing here asks a database.

What is not stated is not demanded. `gateway.conditions` keeps calls to them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from refusals.errors import Invalid
from tenants import regions
from tenants.data_classes import DATA_CLASSES, checked, in_order

# How hard a model thinks, least first: the words of OpenAI's `reasoning_effort`.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
MOST_NAMES, LONGEST_NAME = 20, 64
PURPOSE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TOOL = re.compile(r"[A-Za-z0-9_.:-]+")
COUNTS = {"max_input_tokens": 100_000_000, "max_output_tokens": 10_000_000, "max_answers": 128}
HOTTEST = 2.0  # the highest temperature that any provider takes


class ConditionsDisagree(Invalid):
    code = "conditions_disagree"
    title = "These conditions leave nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """`purposes`: one of them has to be stated with each call. `data_classes`: what a call may carry (None: anything).
    `regions`: where it may be answered (empty: anywhere). Tokens are of one prompt and of one answer. `tools`: the
    names that may be offered to the model, none at all where it is empty (None: any).
    """

    purposes: tuple[str, ...] = ()
    data_classes: frozenset[str] | None = None
    regions: tuple[str, ...] = ()
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    max_answers: int | None = None
    min_temperature: float | None = None
    max_temperature: float | None = None
    max_effort: str = ""
    tools: frozenset[str] | None = None
    attachments: bool = True  # images, files and sounds beside text
    streaming: bool = True

    @property
    def is_empty(self) -> bool:
        return self == NONE

    def as_json(self) -> dict[str, Any]:
        """What is stated alone, as it is kept and told by the API."""
        told: dict[str, Any] = {}
        for name, value in ((each, getattr(self, each)) for each in NAMES):
            if value == getattr(NONE, name) and type(value) is type(getattr(NONE, name)):
                continue
            if name == "data_classes":
                told[name] = [each for each in DATA_CLASSES if each in value]
            else:
                told[name] = sorted(value) if isinstance(value, frozenset) else value
            if isinstance(told[name], tuple):
                told[name] = list(told[name])
        return told

    @property
    def sentences(self) -> list[str]:
        """What is demanded, as people read it, a line each."""
        said = []
        if self.purposes:
            said.append(f"For {_or(self.purposes)} only, stated with each call (x-atrium-purpose)")
        if self.data_classes is not None:
            said.append(f"Data: {in_order(self.data_classes)}")
        if self.regions:
            said.append(f"Answered in {_or(self.regions)} only")
        if self.max_input_tokens is not None:
            said.append(f"At most {self.max_input_tokens:,} tokens of prompt")
        if self.max_output_tokens is not None:
            said.append(f"At most {self.max_output_tokens:,} tokens of answer")
        if self.max_answers is not None:
            said.append(f"At most {self.max_answers} answer{'s' * (self.max_answers != 1)} to a call")
        if self.min_temperature is not None or self.max_temperature is not None:
            said.append(f"Temperature {self.coolest:g} to {self.hottest:g}")
        if self.max_effort:
            said.append(f"Reasoning effort at most {self.max_effort}")
        if self.tools is not None:
            said.append(f"Tools: {', '.join(sorted(self.tools))} only" if self.tools else "No tools")
        if not self.attachments:
            said.append("Text only: no images, files or sounds")
        if not self.streaming:
            said.append("Whole answers only, no streams")
        return said

    @property
    def coolest(self) -> float:
        return 0.0 if self.min_temperature is None else self.min_temperature

    @property
    def hottest(self) -> float:
        return HOTTEST if self.max_temperature is None else self.max_temperature

    def narrowed(self, other: Conditions) -> Conditions:
        """What both demand. Raises `ConditionsDisagree` where no call could meet both."""
        allowed_in = self.regions or other.regions
        if self.regions and other.regions:
            allowed_in = regions.in_both(self.regions, other.regions)
            _require(allowed_in, "regions", f"{_or(self.regions)} and {_or(other.regions)} have no region in common.")
        purposes = self.purposes or other.purposes
        if self.purposes and other.purposes:
            purposes = tuple(each for each in self.purposes if each in other.purposes)
            _require(purposes, "purposes", "They have no purpose in common.")
        seen = _both(self.data_classes, other.data_classes)
        _require(seen is None or seen, "data_classes", "They have no class of data in common.")
        efforts = [each for each in (self.max_effort, other.max_effort) if each]
        met = Conditions(
            purposes=purposes,
            data_classes=seen,
            regions=allowed_in,
            max_input_tokens=_least(self.max_input_tokens, other.max_input_tokens),
            max_output_tokens=_least(self.max_output_tokens, other.max_output_tokens),
            max_answers=_least(self.max_answers, other.max_answers),
            min_temperature=_most(self.min_temperature, other.min_temperature),
            max_temperature=_least(self.max_temperature, other.max_temperature),
            max_effort=min(efforts, key=EFFORTS.index) if efforts else "",
            tools=_both(self.tools, other.tools),
            attachments=self.attachments and other.attachments,
            streaming=self.streaming and other.streaming,
        )
        _require(met.coolest <= met.hottest, "max_temperature", "They have no temperature in common.")
        return met

    def is_within(self, other: Conditions) -> bool:
        """Whether everything that `other` demands is demanded here too, or more."""
        try:
            return self.narrowed(other)._in_one_order() == self._in_one_order()
        except ConditionsDisagree:
            return False

    def not_kept_by(self, other: Conditions) -> Conditions:
        """What is demanded here, and there not or less of it."""
        each = {name: dataclasses.replace(NONE, **{name: getattr(self, name)}) for name in NAMES}
        return dataclasses.replace(
            NONE, **{name: getattr(self, name) for name, alone in each.items() if not other.is_within(alone)}
        )

    def _in_one_order(self) -> Conditions:
        return dataclasses.replace(self, regions=tuple(sorted(self.regions)), purposes=tuple(sorted(self.purposes)))


NONE = Conditions()
NAMES = tuple(each.name for each in dataclasses.fields(Conditions))


def read(given: Mapping[str, Any]) -> Conditions:
    """The conditions that `given` states, in the form of `as_json`; what is None there is not stated. Raises `Invalid`
    with the name of what is wrong."""
    stated = {name: value for name, value in given.items() if value is not None}
    if unknown := sorted(stated.keys() - set(NAMES)):
        raise Invalid(f"“{unknown[0][:40]}” is no condition. There are {', '.join(NAMES)}.", field=unknown[0][:40])
    made: dict[str, Any] = {}
    for name, value in stated.items():
        made[name] = _READERS[name](name, value)
    found = Conditions(**made)
    if found.coolest > found.hottest:
        raise Invalid("The lowest temperature is above the highest.", field="min_temperature")
    return found


def kept_as(row: Mapping[str, Any]) -> Conditions | None:
    """The conditions of a grant's row; None where it has none, which is asked with every call."""
    found = read(row) if row else NONE
    return None if found.is_empty else found


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(each, str) for each in value):
        raise Invalid("This is a list of names.", field=name)
    texts = sorted({each.strip() for each in value if each.strip()})
    if len(texts) > MOST_NAMES or any(len(each) > LONGEST_NAME for each in texts):
        raise Invalid(f"At most {MOST_NAMES} names, each of at most {LONGEST_NAME} signs.", field=name)
    return texts


def _purposes(name: str, value: Any) -> tuple[str, ...]:
    purposes = _texts(name, value)
    if wrong := next((each for each in purposes if not PURPOSE.fullmatch(each)), None):
        raise Invalid(
            f"“{wrong}” cannot be sent as a purpose: use lower-case letters, digits and single hyphens, such as "
            "invoice-extraction.",
            field=name,
        )
    return tuple(purposes)


def _classes(name: str, value: Any) -> frozenset[str] | None:
    return frozenset(checked(_texts(name, value), name)) or None


def _regions(name: str, value: Any) -> tuple[str, ...]:
    named = tuple(each.lower() for each in _texts(name, value))
    if not all(each.isascii() and each.isprintable() for each in named):
        raise Invalid("A region's name is written in plain letters, such as eu or eu-central-1.", field=name)
    return tuple(sorted(set(named)))


def _tools(name: str, value: Any) -> frozenset[str]:
    tools = _texts(name, value)
    if wrong := next((each for each in tools if not _TOOL.fullmatch(each)), None):
        raise Invalid(f"“{wrong}” is no name that a tool can have.", field=name)
    return frozenset(tools)


def _count(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= COUNTS[name]:
        raise Invalid(f"This is a whole number from 1 to {COUNTS[name]:,}.", field=name)
    return value


def _temperature(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= HOTTEST:
        raise Invalid(f"A temperature is a number from 0 to {HOTTEST:g}.", field=name)
    return float(value)


def _effort(name: str, value: Any) -> str:
    if value and value not in EFFORTS:
        raise Invalid(f"How hard a model thinks is one of {', '.join(EFFORTS)}.", field=name)
    return str(value or "")


def _allowed(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This is true or false.", field=name)
    return value


_READERS = {
    "purposes": _purposes, "data_classes": _classes, "regions": _regions, "max_input_tokens": _count,
    "max_output_tokens": _count, "max_answers": _count, "min_temperature": _temperature,
    "max_temperature": _temperature, "max_effort": _effort, "tools": _tools, "attachments": _allowed,
    "streaming": _allowed,
}  # fmt: skip


def _require(met: Any, field: str, why: str) -> None:
    if not met:
        raise ConditionsDisagree(f"No call could meet both what was asked and what is demanded: {why}", field=field)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return one & other if one is not None and other is not None else other if one is None else one


def _least[Number: (int, float)](one: Number | None, other: Number | None) -> Number | None:
    stated = [each for each in (one, other) if each is not None]
    return min(stated) if stated else None


def _most(one: float | None, other: float | None) -> float | None:
    stated = [each for each in (one, other) if each is not None]
    return max(stated) if stated else None


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)
