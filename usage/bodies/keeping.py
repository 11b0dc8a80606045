"""What is kept of a call: what the nearest place that states something wants, within what the platform allows.

It is asked by pages with rows of the ORM and by the gateway with rows of its own, so it knows neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

LONGEST_DAYS = 365
KEEPS = {"nothing": (False, False), "prompts": (True, False), "answers": (False, True), "both": (True, True)}


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept, for how many days, of how many calls of a hundred, only of those that failed, with its media."""

    prompts: bool = False
    answers: bool = False
    days: int = 30
    share: int = 100
    only_failed: bool = False
    media: bool = False

    @property
    def is_something(self) -> bool:
        return self.prompts or self.answers

    @property
    def stores_responses(self) -> bool:
        """Whether answers to `/v1/responses` are stored, for programs to read and go on from: each call has to be kept
        whole for that."""
        return self.prompts and self.answers and self.share == 100 and not self.only_failed

    @property
    def keep(self) -> str:
        """One of `KEEPS`."""
        return next(word for word, parts in KEEPS.items() if parts == (self.prompts, self.answers))

    @property
    def sentence(self) -> str:
        """What it means, to be read as it is."""
        if not self.is_something:
            return "Nothing of what is asked and answered is kept."
        kept = {
            "prompts": "What is asked",
            "answers": "What is answered",
            "both": "What is asked and answered",
        }
        of = "calls that failed" if self.only_failed else "calls"
        share = f"of {self.share} % of {of}" if self.share < 100 else f"of all {of}"
        days = "1 day" if self.days == 1 else f"{self.days} days"
        media = ", pictures and sound with it" if self.media and self.prompts else ""
        return f"{kept[self.keep]} is kept {share} for {days}{media}."


NOTHING = Keeping()


@dataclass(frozen=True, slots=True)
class Bound:
    """How far content may be kept in environments of a kind."""

    is_allowed: bool = True
    most_days: int = LONGEST_DAYS

    @property
    def sentence(self) -> str:
        if not self.is_allowed:
            return "The platform lets nobody keep content here."
        return f"The platform lets it be kept for {self.most_days} days at most."

    def applied_to(self, wanted: Keeping) -> Keeping:
        """What remains of what is wanted."""
        if not self.is_allowed:
            return NOTHING
        return wanted if wanted.days <= self.most_days else replace(wanted, days=self.most_days)


NO_BOUND = Bound()


def nearest[P](stated: Mapping[UUID, P], places: Iterable[UUID]) -> P | None:
    """What the first of `places` (the narrowest first) that states something states."""
    return next((stated[place] for place in places if place in stated), None)
