"""The forms of mails: one choice for each kind of notification."""

from __future__ import annotations

from typing import Any

from django import forms

from notices.mail.choosing import Line
from tenants.forms import VerbForm
from tenants.notice_kinds import HOW, NEVER

HOURS = [(hour, f"{hour:02}:00") for hour in range(24)]


class KindsForm(VerbForm):
    """A field for each of `lines`; empty: what applies otherwise."""

    def __init__(self, posted: Any = None, *, lines: list[Line], hour: int | None = None, owner: bool = False) -> None:
        super().__init__(posted, initial={line.kind.slug: line.chosen for line in lines} | {"hour": hour})
        for line in lines:
            ways = [
                (how, words) for how, words in HOW.items() if not (owner and line.kind.is_security and how == NEVER)
            ]
            self.fields[line.kind.slug] = forms.ChoiceField(
                label=line.kind.name,
                help_text=line.kind.sentence,
                required=False,
                choices=[("", f"As usual ({HOW[line.otherwise].lower()})"), *ways],
            )
        if hour is not None:
            self.fields["hour"] = forms.TypedChoiceField(
                label="Daily summary at", choices=HOURS, coerce=int, help_text="Of your own day, in your time zone."
            )

    def chosen(self) -> dict[str, str]:
        """What was chosen, by kind."""
        return {name: value for name, value in self.cleaned_data.items() if name != "hour"}
