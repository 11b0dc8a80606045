"""The fields in which people say what is demanded of calls: asked for with a request, demanded with an approval,
changed on a grant. Everything is optional; what is left empty is not demanded.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms

from access import conditions
from access.conditions import COUNTS, EFFORTS, HOTTEST, Conditions
from refusals.errors import Invalid
from tenants.data_classes import DATA_CLASSES
from tenants.forms import VerbForm

ANY, NAMED, NO_TOOLS = "any", "named", "none"


def _count(label: str, name: str, text: str = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=COUNTS[name], help_text=text)


def _temperature(label: str) -> forms.FloatField:
    return forms.FloatField(label=label, required=False, min_value=0, max_value=HOTTEST)


class ConditionsForm(VerbForm):
    """`conditions` is what was said, once the form is valid."""

    fields_template: ClassVar[str] = "access/conditions_fields.html"

    data_classes = forms.MultipleChoiceField(
        label="Data that may be sent", required=False, choices=list(DATA_CLASSES.items()),
        widget=forms.CheckboxSelectMultiple, help_text="None ticked: any.",
    )  # fmt: skip
    regions = forms.CharField(
        label="Answered in these regions only", required=False, max_length=400,
        help_text="Separated by commas; “eu” means all that begins so, such as eu-central-1.",
    )  # fmt: skip
    purposes = forms.CharField(
        label="For these purposes only", required=False, max_length=400,
        help_text="Separated by commas, such as invoice-extraction. Each call then has to state one of them "
        "(x-atrium-purpose); in the playground, among the settings of its column.",
    )  # fmt: skip
    max_input_tokens = _count("Tokens of a prompt, at most", "max_input_tokens")
    max_output_tokens = _count(
        "Tokens of an answer, at most", "max_output_tokens",
        "A call that asks for more is refused; one that says nothing gets this.",
    )  # fmt: skip
    max_answers = _count("Answers to a call, at most", "max_answers")
    min_temperature = _temperature("Lowest temperature")
    max_temperature = _temperature("Highest temperature")
    max_effort = forms.ChoiceField(
        label="Reasoning effort, at most", required=False, choices=[("", "Any"), *((each, each) for each in EFFORTS)],
        help_text="With a bound, each call has to state how hard the model shall think.",
    )  # fmt: skip
    tools = forms.ChoiceField(
        label="Tools", required=False, choices=[(ANY, "Any"), (NAMED, "Only those named below"), (NO_TOOLS, "None")],
    )  # fmt: skip
    tool_names = forms.CharField(label="Names of tools", required=False, max_length=1000)
    text_only = forms.BooleanField(label="Text only: no images, files or sounds", required=False)
    whole_only = forms.BooleanField(label="Whole answers only, no streams", required=False)

    def __init__(self, *args: Any, held: Conditions | None = None, **kwargs: Any) -> None:
        """Filled with what is `held` to now, where there is something."""
        if held is not None:
            kwargs["initial"] = _shown(held) | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self.conditions = conditions.NONE

    @property
    def is_stated(self) -> bool:
        """Whether anything is said or wrong, so that the fields are shown open."""
        own = set(ConditionsForm.base_fields)
        return bool(own & set(self.errors)) or any(self[name].value() not in (None, "", [], ANY, False) for name in own)

    def clean(self) -> dict[str, Any]:
        """With `conditions` taken out of the fields."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            self.conditions = conditions.read(self._given(cleaned))
        except Invalid as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else None, refusal.sentence)
        return {name: value for name, value in cleaned.items() if name not in ConditionsForm.base_fields}

    def _given(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {name: cleaned.get(name) for name in (*COUNTS, "min_temperature", "max_temperature")}
        given |= {name: _listed(cleaned.get(name)) or None for name in ("regions", "purposes")}
        given |= {"data_classes": cleaned.get("data_classes") or None, "max_effort": cleaned.get("max_effort") or None}
        if cleaned.get("tools") in (NAMED, NO_TOOLS):
            given["tools"] = _listed(cleaned.get("tool_names")) if cleaned["tools"] == NAMED else []
            if cleaned["tools"] == NAMED and not given["tools"]:
                raise Invalid("Name at least one tool, or choose “None”.", field="tool_names")
        return given | {
            "attachments": False if cleaned.get("text_only") else None,
            "streaming": False if cleaned.get("whole_only") else None,
        }


class ChangeConditionsForm(ConditionsForm):
    """What is demanded from now on, and why; `seen` is a mark of what was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = forms.CharField(
        label="Why?", max_length=1000, help_text="People will ask.",
        error_messages={"required": "Say why: the people who call this model will ask."},
    )  # fmt: skip


def _listed(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def _shown(held: Conditions) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(held.as_json()))
    tools = shown.pop("tools", None)
    shown |= {name: ", ".join(shown[name]) for name in ("regions", "purposes") if name in shown}
    return shown | {
        "tools": ANY if tools is None else NAMED if tools else NO_TOOLS,
        "tool_names": ", ".join(tools or ()),
        "text_only": not shown.pop("attachments", True),
        "whole_only": not shown.pop("streaming", True),
    }
