"""One policy with its versions and what each changed, and all of them as YAML (platform team)."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.differences import Changed, between, flat
from approvals.forms import DocumentForm
from approvals.models import Board, Policy
from approvals.policies import equals_of
from approvals.policy_changes import is_governed, put
from approvals.policy_conditions import words as condition_words
from approvals.policy_documents import document_of, written, written_in_force
from approvals.policy_trial import tried
from approvals.stage_rules import kept, words
from approvals.subjects import kind_of
from approvals.views.rules import MANAGE, reader, require_manager, told
from refusals.errors import Conflict, Invalid, Missing


@dataclass(frozen=True)
class Version:
    """A version with its stages in words and what changed against the one before."""

    policy: Policy
    stages: str
    changes: list[Changed]


@require_GET
def policy(request: HttpRequest, slug: str) -> HttpResponse:
    """The policy called `slug`: how it decides now, its versions, and its YAML."""
    viewer = reader(request)
    rows = list(Policy.objects.filter(slug=slug).order_by("version"))
    if not rows:
        raise Missing(f"There is no policy “{slug}”.")
    names = dict(Board.objects.values_list("slug", "name"))
    documents = [flat(document_of(row)) for row in rows]
    versions = [
        Version(row, words(row.stages, names), between(before, now) if before else [])
        for row, before, now in zip(rows, [{}, *documents], documents, strict=False)
    ]
    now = next((row for row in rows if row.is_in_force), rows[-1])
    context = {
        "policy": now,
        "kind": kind_of(now.subject_kind),
        "stages": [(stage, names.get(stage.board, stage.board)) for stage in map(kept, now.stages)],
        "conditions": condition_words(now.when, settings.CURRENCY),
        "versions": versions[::-1],
        "equals": equals_of(now) if now.is_in_force else [],
        "document": written([now]),
        "may_change": viewer.has_perm(MANAGE),
    }
    return render(request, "approvals/policy.html", context)


def document(request: HttpRequest) -> HttpResponse:
    """Every policy in force as YAML; for those who may, changed there, tried on past requests and put in force."""
    viewer = reader(request)
    form, trial = DocumentForm(initial={"document": written_in_force()}), None
    if request.method == "POST":
        require_manager(viewer)
        form = DocumentForm(request.POST)
        if form.is_valid():
            text = form.cleaned_data["document"]
            try:
                if request.POST.get("do") == "put":
                    return told(request, put(text, reason=form.cleaned_data["reason"], by=viewer))
                trial = tried(text, by=viewer)
            except (Conflict, Invalid) as refused:
                form.add_error(refused.field if refused.field in form.fields else "document", refused.sentence)
    may_change = viewer.has_perm(MANAGE)
    context = {"form": form, "trial": trial, "may_change": may_change, "governed": may_change and is_governed(viewer)}
    return render(request, "approvals/policy_document.html", context, status=422 if form.errors else 200)
