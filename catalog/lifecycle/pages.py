"""The tab *Lifecycle* of a model's page, and the form with which the catalog's people take a version a step further."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from catalog.authority import require_manager
from catalog.cards.keeping import find_version
from catalog.lifecycle import moving
from catalog.lifecycle.states import FURTHEST_FIRST, Lifecycle, Verb, verbs_of
from catalog.models import Model, ModelVersion
from refusals import Refusal
from tenants.forms import VerbForm

STAGES = (
    Lifecycle.PROPOSED, Lifecycle.EVALUATED, Lifecycle.APPROVED, Lifecycle.IN_USE, Lifecycle.DEPRECATED,
    Lifecycle.RETIRED,
)  # fmt: skip
MOST_STEPS = 50


class StepForm(VerbForm):
    """One step of a version's life."""

    verb = forms.ChoiceField(label="Step")
    ends_on = forms.DateField(
        required=False, label="Ends on", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Of a deprecation: the day on which it ends here. Who holds access is told at once.",
    )  # fmt: skip
    reason = forms.CharField(max_length=moving.LONGEST_REASON, label="Why", help_text="Shown with the step for ever.")

    def __init__(self, version: ModelVersion, said: Any = None) -> None:
        super().__init__(said)
        field = self.fields["verb"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (it is, three lines above)
        field.choices = [(verb.value, verb.label) for verb in verbs_of(version.lifecycle)]


def shown(request: HttpRequest, found: Model) -> dict[str, Any]:
    """What the tab shows: the version that `?version=` names, else the furthest."""
    versions = list(found.versions.all())
    versions.sort(key=lambda each: FURTHEST_FIRST.index(Lifecycle(each.lifecycle)))
    wanted = request.GET.get("version", "")
    version = next((each for each in versions if each.label == wanted), versions[0] if versions else None)
    if version is None:
        return {"versions": [], "version": None}
    version.model = found
    return _context(version) | {"versions": versions}


def _context(version: ModelVersion) -> dict[str, Any]:
    steps = list(version.steps.all()[:MOST_STEPS])
    reached = {step.verb: step for step in reversed(steps)}
    noted = {Lifecycle.EVALUATED: Verb.EVALUATE, Lifecycle.APPROVED: Verb.APPROVE, Lifecycle.IN_USE: Verb.USE,
             Lifecycle.DEPRECATED: Verb.DEPRECATE, Lifecycle.RETIRED: Verb.RETIRE}  # fmt: skip
    stages = [(stage, stage == version.lifecycle, reached.get(noted.get(stage, Verb.REOPEN))) for stage in STAGES]
    return {"version": version, "steps": steps, "stages": stages, "step_form": StepForm(version)}


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/lifecycle/`: take one step; its form alone where it was refused."""
    require_manager(request.user)
    version = find_version(pk)
    form = StepForm(version, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            moved = moving.move(version=version, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{moved} is {Lifecycle(moved.lifecycle).label.lower()}.")
            return redirect(f"{version.model.get_absolute_url()}?tab=lifecycle&version={version.label}")
    status = 422 if form.is_bound else 200
    return render(request, "catalog/lifecycle.html", {"version": version, "step_form": form}, status=status)
