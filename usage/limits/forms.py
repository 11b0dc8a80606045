"""The forms of limits and budgets: they read and clean what was typed; verbs decide."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html

from tenants.forms import VerbForm
from tenants.models import LARGEST_WEIGHT
from usage.limits.budgets import LARGEST_BUDGET
from usage.limits.effective import Effective
from usage.limits.tables import LARGEST_LIMIT, Metric, Span


class LimitsForm(VerbForm):
    """One field for each metric; empty: no limit at this place. Given what applies, each field says it."""

    def __init__(self, data: Any = None, *, applying: list[Effective]) -> None:
        super().__init__(data, initial={each.metric: each.own for each in applying})
        for each in applying:
            self.fields[each.metric] = forms.IntegerField(
                label=each.label,
                required=False,
                min_value=1,
                max_value=LARGEST_LIMIT,
                help_text=format_html("Now: {}", each.sentence),  # a name in it may hold anything
                widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "no limit here"}),
            )

    def amounts(self) -> dict[str, int | None]:
        """What was entered, by metric."""
        return {metric: self.cleaned_data[metric] for metric in Metric.values}


class WeightForm(VerbForm):
    """A tenant's share where calls wait."""

    weight = forms.IntegerField(
        label="Weight",
        min_value=1,
        max_value=LARGEST_WEIGHT,
        help_text="Its share beside other tenants where calls have to wait for a deployment. 2: twice that of 1.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class BudgetForm(VerbForm):
    """A budget of one place for one period."""

    stands_for: ClassVar[dict[str, str]] = {"warn_at": "warnings"}

    amount = forms.DecimalField(
        label="Amount", min_value=Decimal(0), max_value=LARGEST_BUDGET, max_digits=18, decimal_places=6
    )
    span = forms.ChoiceField(
        label="Period",
        choices=Span.choices,
        initial=Span.MONTH,
        help_text="Of the calendar, in UTC. A budget for the same period is replaced.",
    )
    is_hard = forms.TypedChoiceField(
        label="When it is spent",
        choices=[("false", "Warn: calls go on"), ("true", "Stop: calls that cost something are refused")],
        coerce=lambda text: text == "true",
        initial="false",
        widget=forms.RadioSelect,
    )
    warnings = forms.CharField(
        label="Tell people at",
        initial="50, 80, 100",
        max_length=60,
        required=False,
        help_text="Percentages of it, with commas. Owners and who set it are told once in each period.",
    )

    def clean_warnings(self) -> list[int]:
        parts = self.cleaned_data["warnings"].replace("%", " ").replace(",", " ").split()
        if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
            raise forms.ValidationError("Give whole percentages with commas between them, as in 50, 80, 100.")
        return [int(part) for part in parts]
