"""`/platform/models/<slug>/limits/`: what the routes of a model and the deployments behind them take of all tenants
together; changing it."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

import catalog.converters  # noqa: F401  (how a name is written in an address)
from catalog.missing import find_model
from catalog.models import Deployment, Model
from refusals import Refusal
from refusals.errors import Missing
from tenants.views.entering import posted
from usage.capacity.forms import CapacityForm
from usage.capacity.setting import Subject, require_capacity_setter, set_capacity, words_of
from usage.capacity.tables import Capacity


class Held(NamedTuple):
    """A route or deployment with its form."""

    key: str
    is_route: bool
    words: str
    subject: Subject
    form: CapacityForm


@require_http_methods(["GET", "POST"])
def capacity(request: HttpRequest, slug: str) -> HttpResponse:
    """A form for each; one is sent at a time, which `subject` names."""
    require_capacity_setter(request.user)
    model = find_model(slug)
    sent = posted(request, "subject", 40) if request.method == "POST" else ""
    shown = _shown(model, request, sent)
    if request.method == "POST":
        asked = next((each for each in shown if each.key == sent), None)
        if asked is None:
            raise Missing("There is no such route or deployment of this model.")
        if _set(asked, request):
            messages.success(request, f"What {asked.words} takes is saved. The gateway keeps to it from now on.")
            return redirect(reverse("usage:capacity", args=[model.slug]))
    status = 422 if any(each.form.errors for each in shown) else 200
    return render(request, "usage/capacity.html", {"model": model, "shown": shown}, status=status)


def _shown(model: Model, request: HttpRequest, sent: str) -> list[Held]:
    """The routes of a model, then the deployments that they lead to. Three queries."""
    routes = list(model.routes.order_by("slug"))
    deployments = (
        Deployment.objects.filter(targets__route__in=routes)
        .select_related("provider")
        .order_by("provider__name", "upstream_name", "pk")
        .distinct()
    )
    subjects: list[Subject] = [*routes, *deployments]
    amounts: dict[object, dict[str, int]] = {}
    keys = [each.pk for each in subjects]
    for row in (Capacity.objects.filter(route__in=keys) | Capacity.objects.filter(deployment__in=keys)).distinct():
        amounts.setdefault(row.route_id or row.deployment_id, {})[row.metric] = row.amount
    found = []
    for each in subjects:
        key = str(each.pk)
        form = CapacityForm(request.POST if key == sent else None, subject=key, held=amounts.get(each.pk, {}))
        found.append(Held(key, not isinstance(each, Deployment), words_of(each), each, form))
    return found


def _set(asked: Held, request: HttpRequest) -> bool:
    """Whether it was done; else the form says why not."""
    if not asked.form.is_valid():
        return False
    try:
        set_capacity(subject=asked.subject, amounts=asked.form.amounts(), by=request.user)
    except Refusal as refusal:
        asked.form.refused(refusal)
        return False
    return True
