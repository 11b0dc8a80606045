"""The pages of the wizard, in order: what each asks, and whether it is answered.

A page keeps what its form understood as plain values under its name in `Onboarding.answers`; the API takes the same
values by the same forms.
"""

from __future__ import annotations

from dataclasses import dataclass

from access.onboarding.forms import (
    Answers,
    IsolationForm,
    ModelsForm,
    Page,
    PeopleForm,
    TeamForm,
    TermsForm,
    UseCaseForm,
    VolumeForm,
)


@dataclass(frozen=True)
class Step:
    """One page: its name in addresses and in the API, its title, what it is about, and its form."""

    slug: str
    title: str
    sentence: str
    form: type[Page]

    def is_answered(self, answers: Answers) -> bool:
        return self.slug in answers


STEPS: tuple[Step, ...] = (
    Step("team", "The team", "Its name, who pays and who answers for it.", TeamForm),
    Step("use-case", "The first use case", "What for, with which data, and whom it affects.", UseCaseForm),
    Step("people", "People", "Who works on it, and in which role.", PeopleForm),
    Step("models", "Models", "What it should be able to call, and where.", ModelsForm),
    Step("volume", "Volume and cost", "How much it will be used; the estimate follows from real prices.", VolumeForm),
    Step("isolation", "Isolation", "How far it is kept apart from others.", IsolationForm),
    Step("terms", "Terms", "What everybody who uses models agrees to.", TermsForm),
)
BY_SLUG = {step.slug: step for step in STEPS}


def unanswered(answers: Answers) -> list[Step]:
    """The pages that still lack an answer, in order."""
    return [step for step in STEPS if not step.is_answered(answers)]


def after(step: Step) -> Step | None:
    """The page after `step`; None after the last one."""
    place = STEPS.index(step) + 1
    return STEPS[place] if place < len(STEPS) else None
