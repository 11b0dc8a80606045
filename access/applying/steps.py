"""A plan: the steps that lead from what is there to what a file asks for, each with before and after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from refusals.errors import Conflict, Forbidden, Invalid
from tenants.models import Tenant

Action = Literal["create", "change", "remove"]
MOST_STEPS = 500  # at once: whoever else does something that the audit records waits meanwhile
Kind = Literal[
    "tenant",
    "role",
    "project",
    "security",
    "member",
    "invitation",
    "project role",
    "limits",
    "budget",
    "content",
    "data",
    "conditions",
]


@dataclass(frozen=True, slots=True)
class Change:
    """One value: what it is and what it becomes; None where it is not, or is no more."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `refused` says why who asks may not do it, "" where they may."""

    action: Action
    kind: Kind
    name: str
    changes: tuple[Change, ...]
    perform: Callable[[Tenant, Any], object] = field(repr=False, compare=False)
    refused: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """The step as programs read it."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "changes": [asdict(change) for change in self.changes],
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps in their order. `unlisted` names what is there and the file does not name, which stays; `notes` say
    what a file cannot bring about."""

    slug: str
    prune: bool
    steps: tuple[Step, ...]
    unlisted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Equal for two plans that do the same to the same: it is given back to apply what was seen."""
        steps = [{name: value for name, value in step.told.items() if name != "refused"} for step in self.steps]
        written = json.dumps([self.slug, self.prune, steps], sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()

    @property
    def refused(self) -> list[Step]:
        return [step for step in self.steps if step.refused]

    @property
    def is_too_long(self) -> bool:
        return len(self.steps) > MOST_STEPS

    @property
    def counts(self) -> dict[str, int]:
        """How many steps of each action."""
        return {action: sum(step.action == action for step in self.steps) for action in ("create", "change", "remove")}

    @property
    def sentence(self) -> str:
        """What the plan comes to."""
        words = {"create": "created", "change": "changed", "remove": "removed"}
        told = [f"{count} {words[action]}" for action, count in self.counts.items() if count]
        return f"{', '.join(told)}." if told else "Nothing to change."


class PlanIsStale(Conflict):
    """What was seen and what would be done now are not the same."""

    code = "plan_is_stale"

    def __init__(self) -> None:
        super().__init__(
            "This is not the plan that you saw: the tenant, or the file, has changed since. Nothing was done. Look at "
            "the plan again and decide."
        )


class TooManySteps(Invalid):
    """More than may be done in one transaction."""

    code = "too_many_steps"

    def __init__(self, steps: int) -> None:
        super().__init__(
            f"This would take {steps:,} steps; {MOST_STEPS} is the most at once, because others wait meanwhile. "
            "Nothing was done. Apply the file in parts: what a part leaves out stays as it is.",
            field="document",
        )


class StepsRefused(Forbidden):
    """The plan holds steps that who asks may not do; nothing of it is done."""

    code = "steps_refused"

    def __init__(self, steps: list[Step]) -> None:
        more = f" And {len(steps) - 1} more." if len(steps) > 1 else ""
        super().__init__(
            f"Nothing was done, because you may not do all of it. {steps[0].name}: {steps[0].refused}{more}",
            steps=[step.told for step in steps[:50]],
        )
