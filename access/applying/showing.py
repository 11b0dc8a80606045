"""A plan as people read it: on screen and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from access.applying.steps import Change, Plan, Step
from ui.formatting import exact_count
from usage.limits.effective import UNITS

FIELDS = {
    "cost_centre": "cost centre",
    "is_discoverable": "found by who wants to join",
    "email_domains": "e-mail domains",
    "second_factor_from": "second factor from",
    "keep": "what is kept",
    "days": "for days",
    "share": "of calls of a hundred",
    "only_failed": "only of calls that failed",
    "media": "pictures and sound",
    "data_classes": "classes of data",
    "max_input_tokens": "most tokens of a prompt",
    "max_output_tokens": "most tokens of an answer",
    "max_answers": "most answers to a call",
    "min_temperature": "lowest temperature",
    "max_temperature": "highest temperature",
    "max_effort": "most reasoning effort",
    **UNITS,
}
KINDS = {
    "limits": "limit of", "content": "what is kept of calls of", "security": "what is asked of who comes into",
    "data": "data sent from", "conditions": "what is demanded of calls to",
}  # fmt: skip
WORDS = {
    ("create", "invitation"): "invite",
    ("remove", "project"): "archive",
    ("remove", "role"): "retire",
    ("create", ""): "new",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One value of one step. `is_first` of its step; "" for what is not there."""

    step: Step
    change: Change | None
    is_first: bool

    @property
    def word(self) -> str:
        """What happens to it."""
        action = self.step.action
        return WORDS.get((action, self.step.kind)) or WORDS.get((action, "")) or action

    @property
    def kind(self) -> str:
        return KINDS.get(self.step.kind, self.step.kind)

    @property
    def field(self) -> str:
        return FIELDS.get(self.change.field, self.change.field) if self.change else ""

    @property
    def before(self) -> str:
        return written(self.change.before) if self.change else ""

    @property
    def after(self) -> str:
        return written(self.change.after) if self.change else ""


def lines(plan: Plan) -> Iterator[Line]:
    """The values of all steps, in order."""
    for step in plan.steps:
        for number, change in enumerate(step.changes or (None,)):
            yield Line(step, change, number == 0)


def written(value: Any) -> str:
    """A value as text, "" for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return exact_count(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
