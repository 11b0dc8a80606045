"""The living style guide: every component with its variants, on one page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ui.charting import Chart, Series
from ui.states import STATES, TONES


class ExampleForm(forms.Form):
    """One of each kind of field."""

    name = forms.CharField(label="Key name", help_text="So that others know what it is for.", max_length=80)
    environment = forms.ChoiceField(choices=[("development", "Development"), ("production", "Production")])
    purpose = forms.CharField(widget=forms.Textarea, required=False)
    terms = forms.BooleanField(label="Answers are stored for 30 days")
    tier = forms.ChoiceField(
        label="Data in the prompts",
        widget=forms.RadioSelect,
        choices=[("public", "Public"), ("internal", "Internal"), ("personal", "Personal")],
    )


def _chart(kind: str, unit: str, *scale: int) -> Chart:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    days = [(first + timedelta(days=n)).date().isoformat() for n in range(14)]
    names = ("smollm2", "claude-sonnet", "gpt-4.1", "mistral-large")
    series = [
        Series(name, [Decimal((n * (3 + i) + 7 * i) % 11 + 2 + n // 3) * factor / 3 for n in range(14)])
        for i, (name, factor) in enumerate(zip(names, scale, strict=False))
    ]
    return Chart(kind, days, series, unit)  # type: ignore[arg-type]  # the callers below spell both right


@require_GET
def guide(request: HttpRequest) -> HttpResponse:
    """The guide is for everybody who builds pages; it shows examples only."""
    wrong = ExampleForm({"name": "", "environment": "development", "purpose": "Answers for claims", "tier": "secret"})
    now = timezone.now()
    context = {
        "states": sorted(STATES),
        "tones": TONES,
        "form": ExampleForm(auto_id="plain_%s"),
        "wrong": wrong,
        "now": now,
        "moments": [
            now - timedelta(seconds=5),
            now - timedelta(hours=3),
            now + timedelta(days=2),
            now - timedelta(days=90),
        ],
        "amounts": [Decimal("0"), Decimal("0.00042"), Decimal("0.0758125"), Decimal("12.5"), Decimal("1284.1"), None],
        "counts": [7, 999, 12431, 1_250_000, 3_400_000_000],
        "lengths": [340, 1240, 42_000, 125_000, 11_040_000],
        "points": [3, 5, 4, 8, 6, 9, 12, 10, 14, 13],
        "page": Paginator(range(1234), 50).page(3),
        "change": Decimal("0.124"),
        "less": Decimal("-0.031"),
        "charts": [
            ("Spend by day and route", _chart("stacked", "money", 4, 9, 6)),
            ("Calls by day", _chart("line", "number", 40, 25)),
            ("Tokens by day", _chart("area", "tokens", 12000)),
            (
                "Spend by tenant",
                Chart(
                    "horizontal",
                    ["Retail banking", "Claims", "Research"],
                    [Series("Spend", [Decimal("1284.10"), Decimal("641.77"), Decimal("98.2")])],
                    "money",
                    "Tenant",
                ),
            ),
        ],
        "before": "You are a helpful assistant.\nAnswer in one sentence.\nNever guess.",
        "after": "You are a helpful assistant.\nAnswer in at most three sentences.\nNever guess.\nName your source.",
        "code": 'curl $ATRIUM_URL/v1/chat/completions \\\n  -H "Authorization: Bearer $ATRIUM_KEY" \\\n'
        '  -d \'{"model": "smollm2", "messages": [{"role": "user", "content": "Hello"}]}\'',
    }
    return render(request, "portal/guide.html", context)
