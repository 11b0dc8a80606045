"""The forms of what is held for a time: they read and clean what was typed; verbs decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import timezone

from tenants.forms import PersonField, VerbForm
from tenants.models import User
from tenants.roles import Role

HOURS = (
    ("1", "1 hour"), ("4", "4 hours"), ("8", "8 hours"), ("24", "1 day"), ("72", "3 days"), ("168", "7 days"),
    ("336", "14 days"),
)  # fmt: skip


class ElevationForm(VerbForm):
    """A stronger role for a time, for oneself or (who gives roles) for somebody else."""

    person = PersonField(
        max_length=254, required=False, help_text="Whom you give it to, at once. Empty: you ask for yourself."
    )
    role = forms.ChoiceField()
    hours = forms.TypedChoiceField(choices=HOURS, initial="8", coerce=int, label="For how long")
    reason = forms.CharField(
        max_length=500, label="Why", widget=forms.Textarea(attrs={"rows": 3}), help_text="It is kept on record."
    )

    def __init__(self, *args: Any, roles: Iterable[Role], for_others: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
        self.fields["role"] = forms.ChoiceField(choices=choices)
        if not for_others:
            del self.fields["person"]


class StandInForm(VerbForm):
    """Who stands in, and when."""

    person = forms.ModelChoiceField(queryset=User.objects.none(), label="Who stands in", empty_label="Choose a member")
    starts_on = forms.DateField(
        label="From", widget=forms.DateInput(attrs={"type": "date"}), help_text="Today begins at once."
    )
    ends_on = forms.DateField(
        label="Until", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="That day included, at most 60 days. Days end at midnight UTC.",
    )  # fmt: skip
    reason = forms.CharField(max_length=500, required=False, label="What they should know")

    stands_for = {"starts_at": "starts_on", "ends_at": "ends_on"}  # as `VerbForm` says

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["person"]
        assert isinstance(chosen, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        chosen.queryset = User.objects.filter(pk__in=[person.pk for person in people]).order_by("display_name")

    @property
    def period(self) -> tuple[dt.datetime, dt.datetime]:
        """The moments that the days stand for."""
        first = self.cleaned_data["starts_on"]
        last = min(self.cleaned_data["ends_on"], dt.date.max - dt.timedelta(days=1))  # the calendar's last has no end
        begins = dt.datetime.combine(first, dt.time.min, dt.UTC)
        ends = dt.datetime.combine(last, dt.time.min, dt.UTC) + dt.timedelta(days=1)
        return (timezone.now() if begins <= timezone.now() else begins), ends
