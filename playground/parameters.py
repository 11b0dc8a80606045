"""What can be set for a column besides the route: each parameter's bounds and what it does, in plain words.

All but the purpose are parameters of `/v1/chat/completions`. That one is said beside the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from access.conditions import PURPOSE as A_PURPOSE
from refusals.errors import Invalid

PURPOSE = "purpose"
MAX_PURPOSE_LENGTH = 100
MAX_STOPS = 4  # OpenAI API reference, chat completions: up to four sequences
MAX_STOP_LENGTH = 100
USUAL_LONGEST = 512  # tokens of an answer for which nobody set another limit: some models never find an end


class UnacceptableParameter(Invalid):
    code = "parameter_not_acceptable"


@dataclass(frozen=True)
class Parameter:
    """One parameter: `least` and `most` are inclusive; `whole` means no fractions."""

    name: str
    label: str
    meaning: str
    least: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    step: str = "any"
    whole: bool = False
    usual: str = ""
    is_list: bool = False
    is_word: bool = False

    @property
    def range(self) -> str:
        """Its bounds in words; empty where they say nothing."""
        return "" if self.is_list or self.is_word or self.whole else f"{self.least} to {self.most}."

    def read(self, value: Any) -> Any:
        """The value as it is sent. Raises `UnacceptableParameter`."""
        if self.is_word:
            return self._word(value)
        return self._stops(value) if self.is_list else self._number(value)

    def _word(self, value: Any) -> str:
        word = str(value).strip().lower()
        if len(word) > MAX_PURPOSE_LENGTH or not A_PURPOSE.fullmatch(word):
            raise self._refusal("is a word of lower-case letters, digits and single hyphens, such as customer-support")
        return word

    def _number(self, value: Any) -> int | float:
        try:
            number = Decimal(str(value).strip().replace(",", "."))
        except InvalidOperation:
            raise self._refusal("is not a number") from None
        if isinstance(value, bool) or not number.is_finite():
            raise self._refusal("is not a number")
        if not self.least <= number <= self.most:
            raise self._refusal(f"must lie between {self.least} and {self.most:,}")
        if self.whole and number != number.to_integral_value():
            raise self._refusal("must be a whole number")
        return int(number) if self.whole else float(number)

    def _stops(self, value: Any) -> list[str]:
        stops = value if isinstance(value, list) else str(value).replace("\r", "").split("\n")
        stops = [str(stop).replace("\\n", "\n") for stop in stops if str(stop)]
        if len(stops) > MAX_STOPS:
            raise self._refusal(f"takes at most {MAX_STOPS} texts, one a line")
        if any(len(stop) > MAX_STOP_LENGTH for stop in stops):
            raise self._refusal(f"takes texts of at most {MAX_STOP_LENGTH} characters")
        return stops

    def _refusal(self, what: str) -> UnacceptableParameter:
        return UnacceptableParameter(f"{self.label} {what}.", field=self.name)

    def shown(self, value: Any) -> str:
        """The value as it stands in its field."""
        if isinstance(value, list):
            return "\n".join(str(part).replace("\n", "\\n") for part in value)
        return "" if value is None else str(value)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "temperature",
        "Temperature",
        "How much chance plays a part. 0 gives almost the same answer each time, 1 is lively, above 1 it wanders off.",
        most=Decimal(2),
        step="0.1",
        usual="often 1",
    ),
    Parameter(
        "max_tokens",
        "Longest answer",
        "The answer is cut off after so many tokens (one is about three quarters of a word). It also caps the cost. "
        "Models that reason before they answer have no limit unless you set one.",
        least=Decimal(1),
        most=Decimal(1_000_000),
        step="1",
        whole=True,
        usual=f"{USUAL_LONGEST} unless you set it",
    ),
    Parameter(
        "top_p",
        "Top p",
        "Only the likeliest words that together reach this share are considered: 0.1 is the safest, 1 allows all. "
        "Change this or the temperature, not both.",
        most=Decimal(1),
        step="0.05",
        usual="often 1",
    ),
    Parameter(
        "seed",
        "Seed",
        "The same number with the same settings gives the same answer again, where the provider supports it.",
        least=Decimal(-(2**53)),
        most=Decimal(2**53),
        step="1",
        whole=True,
        usual="by chance",
    ),
    Parameter(
        "presence_penalty",
        "Presence penalty",
        "Above 0 the model is nudged to new subjects, below 0 to stay with those it has mentioned.",
        least=Decimal(-2),
        most=Decimal(2),
        step="0.1",
        usual="often 0",
    ),
    Parameter(
        "frequency_penalty",
        "Frequency penalty",
        "Above 0 words that occurred often become less likely, which helps against repetition.",
        least=Decimal(-2),
        most=Decimal(2),
        step="0.1",
        usual="often 0",
    ),
    Parameter(
        "stop",
        "Stop at",
        "The answer ends before any of these texts, one a line, at most four. Write \\n for a line break.",
        usual="nowhere",
        is_list=True,
    ),
    Parameter(
        PURPOSE,
        "Purpose",
        "What this is for. Access that is for certain purposes only asks for one of their words with each call, and "
        "says which where it refuses one. It is not a part of the prompt.",
        usual="not stated",
        is_word=True,
    ),
)
BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}


def of_the_body(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are a part of the request's body."""
    return {name: value for name, value in parameters.items() if name != PURPOSE}
