"""`/tenants/<slug>/limits/ask/`: ask for limits or a budget that one may not set oneself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from approvals.asking_form import sent
from approvals.outlook import outlooks
from tenants.forms import VerbForm
from tenants.views.entering import enter, text_of
from usage.limits.asking import KIND, KIND_OF_LIMITS, REQUEST, request_limits
from usage.limits.authority import may_set
from usage.limits.budgets import LARGEST_BUDGET
from usage.limits.effective import Effective
from usage.limits.places import Place, find_place, places_of
from usage.limits.table import line
from usage.limits.tables import LARGEST_LIMIT, Metric, Span


class AskForm(VerbForm):
    """The limits and the budget that are wanted, and why; what is left empty is not asked for."""

    def __init__(self, data: Any, *, applying: list[Effective]) -> None:
        super().__init__(data)
        for each in applying:
            self.fields[each.metric] = forms.IntegerField(
                label=each.label,
                required=False,
                min_value=1,
                max_value=LARGEST_LIMIT,
                help_text=format_html("Now: {}", each.sentence),  # a name in it may hold anything
                widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "as it is"}),
            )
        self.fields["budget"] = forms.DecimalField(
            label=f"Budget in {settings.CURRENCY}",
            required=False,
            min_value=Decimal(0),
            max_value=LARGEST_BUDGET,
            max_digits=18,
            decimal_places=6,
        )
        self.fields["span"] = forms.ChoiceField(label="For each", choices=Span.choices, initial=Span.MONTH)
        self.fields["is_hard"] = forms.BooleanField(
            label="Stop calls when it is spent", required=False, help_text="Else people are told and calls go on."
        )
        self.fields["reason"] = forms.CharField(
            label="What it is for",
            max_length=4000,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text="Who decides reads this first.",
        )

    def asked(self) -> dict[str, Any]:
        """What the verb takes."""
        given = self.cleaned_data
        return {
            "amounts": {metric: given[metric] for metric in Metric.values if given[metric] is not None},
            **{name: given[name] for name in ("budget", "span", "is_hard", "reason")},
        }


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """`?place=`: the form for one place of the tenant, who will decide beside it."""
    inside = enter(request, slug)
    place = find_place(inside.viewer, text_of(request, "place", 200) or slug, inside.tenant)
    inside.require(REQUEST, at=place.row)
    told = line(place, spent=False)
    form = AskForm(request.POST or None, applying=told.limits)
    if request.method == "POST" and form.is_valid():
        answer = sent(request, form, lambda: request_limits(place=place, by=inside.viewer, **form.asked()))
        if answer is not None:
            return answer
    environment_kind = place.environment.kind if place.environment else ""
    context = {
        "place": place,
        "places": [each for each in places_of(inside.tenant) if inside.may(REQUEST, at=each.row)],
        "form": form,
        "may_set": may_set(inside.viewer, place, inside.holds.at),
        "outlooks": outlooks(KIND, {environment_kind: [inside.tenant]}, facts=_least(place)),
        "kind": KIND_OF_LIMITS,
    }
    status = 422 if form.errors else 200
    return render(request, "usage/ask_limits.html", inside.framed("limits", at=place.row) | context, status=status)


def _least(place: Place) -> dict[str, Any]:
    """The least that can be asked for at `place`: who decides on that."""
    return {"level": place.level, "amounts": {Metric.REQUESTS.value: 1}, "budget": None}
