"""The forms of access and onboarding. They parse; the verbs decide."""

from __future__ import annotations

from typing import Any

from django import forms

from access.conditions_form import ConditionsForm
from approvals.submit import MAX_REASON
from tenants.models import Environment

MOST_CALLS = 100_000_000
PURPOSE_HELP = "Who uses it for what, and with which data. The people who decide read this first."
PURPOSE_MISSING = "Say what it is for: the people who decide read this first."


def purpose_field(label: str) -> forms.CharField:
    """What something is asked for, in a field called `label`."""
    return forms.CharField(
        label=label,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=PURPOSE_HELP,
        error_messages={"required": PURPOSE_MISSING},
    )


def calls_field() -> forms.IntegerField:
    """How many calls a day are expected, if that is known."""
    return forms.IntegerField(
        label="Expected calls a day",
        required=False,
        min_value=1,
        max_value=MOST_CALLS,
        help_text="A rough figure is enough; it tells what it may cost.",
    )


class AccessForm(ConditionsForm):
    """Which environment should call the route, what for, and within what. `environments` are those the person may ask
    for."""

    environment = forms.ChoiceField(
        label="Environment",
        help_text="Where it will be called from. Each environment has keys and grants of its own.",
        error_messages={"invalid_choice": "Choose one of your environments.", "required": "Choose an environment."},
    )
    purpose = purpose_field("What is it for?")
    expected_calls_per_day = calls_field()

    def __init__(self, *args: Any, environments: list[Environment], taken: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environments = {environment.path: environment for environment in environments}
        groups: dict[str, list[tuple[str, str]]] = {}
        for path, environment in self.environments.items():
            note = f" ({taken[path]})" if path in taken else ""
            label = f"{environment.project.name}, {environment.kind}{note}"
            groups.setdefault(environment.tenant.name, []).append((path, label))
        self.fields["environment"] = forms.ChoiceField(
            label="Environment",
            choices=[("", "Choose an environment"), *groups.items()],
            help_text=self.base_fields["environment"].help_text,
            error_messages=self.base_fields["environment"].error_messages,
        )

    def clean_environment(self) -> Environment:
        """The environment itself."""
        return self.environments[self.cleaned_data["environment"]]


class TeamForm(forms.Form):
    """What a team needs to become a tenant."""

    name = forms.CharField(label="Name of the team", max_length=120)
    slug = forms.CharField(
        label="Short name",
        max_length=40,
        help_text="For addresses and the command line: lower-case letters, digits and single hyphens. It stays.",
    )
    cost_centre = forms.CharField(
        label="Cost centre", max_length=40, required=False, help_text="Who pays for what the team uses."
    )
    purpose = purpose_field("What will the team use it for?")
    project_name = forms.CharField(
        label="First use case", max_length=120, required=False, help_text="It becomes the first project."
    )
    project_slug = forms.CharField(label="Short name of the first use case", max_length=40, required=False)


class RevokeForm(forms.Form):
    """Why a grant ends."""

    reason = forms.CharField(max_length=1000, error_messages={"required": "Say why: people will ask."})
