"""The form of what a route or deployment takes."""

from __future__ import annotations

from typing import Any

from django import forms

from tenants.forms import VerbForm
from usage.limits.tables import LARGEST_LIMIT, Metric


class CapacityForm(VerbForm):
    """One field for each metric; empty: no limit. `subject` tells several of them on a page apart."""

    def __init__(self, data: Any = None, *, subject: str, held: dict[str, int]) -> None:
        super().__init__(data, initial=held, prefix=subject)
        for metric in Metric:
            self.fields[metric.value] = forms.IntegerField(
                label=metric.label,
                required=False,
                min_value=1,
                max_value=LARGEST_LIMIT,
                widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "no limit"}),
            )

    def amounts(self) -> dict[str, int | None]:
        """What was entered, by metric."""
        return {metric: self.cleaned_data[metric] for metric in Metric.values}
