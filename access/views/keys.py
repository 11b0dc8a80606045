"""`/tenants/<slug>/keys/ask/`: ask for a key where the platform decides on keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from access.keys.asking import ASKING_FOR_A_KEY, KIND, MANAGE_KEYS, request_key
from access.keys.capability import who_decides
from approvals.asking_form import sent
from approvals.outlook import outlooks
from tenants.forms import VerbForm
from tenants.models import Environment
from tenants.scoping import visible
from tenants.views.entering import Inside, enter


class AskForm(VerbForm):
    """For which environment, and why."""

    environment = forms.ChoiceField(label="Environment")
    reason = forms.CharField(
        label="What it is for",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Name the program. Who decides reads this first.",
    )


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """`?environment=tenant/project/kind`: the form, who will decide beside it."""
    inside = enter(request, slug)
    inside.require_anywhere(MANAGE_KEYS)
    environments = _environments(inside)
    form = AskForm(request.POST or None, initial={"environment": request.GET.get("environment", "")})
    form.fields["environment"].choices = [(path, path) for path in environments]  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        environment, reason = environments[form.cleaned_data["environment"]], form.cleaned_data["reason"]
        answer = sent(request, form, lambda: request_key(environment=environment, reason=reason, by=inside.viewer))
        if answer is not None:
            return answer
    kinds = sorted({each.kind for each in environments.values()}, key=list(Environment.Kind.values).index)
    context: dict[str, Any] = {
        "form": form,
        "any": bool(environments),
        "outlooks": outlooks(KIND, {kind: [inside.tenant] for kind in kinds}),
        "kind": ASKING_FOR_A_KEY,
    }
    status = 422 if form.errors else 200
    return render(request, "access/ask_key.html", inside.framed("keys") | context, status=status)


def _environments(inside: Inside) -> dict[str, Environment]:
    """Those for which the platform decides on keys, where the person manages them; by their paths."""
    rows = Environment.objects.filter(tenant=inside.tenant, project__archived_at=None)
    rows = visible(inside.viewer, rows, MANAGE_KEYS)
    rows = rows.select_related("tenant", "project").order_by("project__name", "created_at")
    left = {
        kind for kind in Environment.Kind.values if who_decides(Environment(tenant=inside.tenant, kind=kind)) is None
    }
    return {each.path: each for each in rows if each.kind not in left}
