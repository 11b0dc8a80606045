"""`/tenants/<slug>/content/`: what is kept of calls at each place of a tenant, and why; changing it; erasing content.
`/platform/content/`: how far the platform lets tenants go."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from refusals import Refusal
from refusals.errors import Missing
from tenants.models import Environment
from tenants.views.entering import Inside, enter, posted, text_of
from usage.bodies.effective import at, table
from usage.bodies.erasing import erase_of
from usage.bodies.forms import BoundForm, EraseForm, RetentionForm
from usage.bodies.setting import SET, attached, remove_retention, require_bound_setter, set_bound, set_retention
from usage.bodies.stated import bounds_by_kind
from usage.bodies.tables import Erasure, Unkept
from usage.limits.places import find_place

UNKEPT_DAYS = 7
ERASURES_SHOWN = 20


@require_GET
def content(request: HttpRequest, slug: str) -> HttpResponse:
    """The table: every place, what is kept there and why."""
    inside = enter(request, slug)
    since = timezone.now().date() - dt.timedelta(days=UNKEPT_DAYS - 1)
    rows = Unkept.objects.filter(tenant=inside.tenant, day__gte=since)
    return _show(
        request, inside, "content",
        lines=[(each, inside.may(SET, at=each.place.row)) for each in table(inside.tenant)],
        unkept=rows.aggregate(calls=Sum("calls"))["calls"] or 0, unkept_days=UNKEPT_DAYS,
        erasures=Erasure.objects.filter(tenant=inside.tenant).select_related("by")[:ERASURES_SHOWN],
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """`?place=…`: what is kept at one place, as a form."""
    inside = enter(request, slug)
    place = find_place(inside.viewer, text_of(request, "place", 200) or slug, inside.tenant)
    attached(place)  # a key has no policy
    inside.require(SET, at=place.row)
    told = at(place)
    sent = request.POST if request.method == "POST" else None
    form = RetentionForm(sent, own=told.own, is_tenant=place.level == "tenant")
    if form.is_valid():
        try:
            if (keeping := form.keeping) is None:
                remove_retention(place=place, by=inside.viewer)
            else:
                set_retention(place=place, keeping=keeping, by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"What is kept at {place.words} is saved, and in force from now on.")
            return redirect("usage:content", slug)
    status = 422 if form.errors else 200
    return _show(request, inside, "change", status=status, place=place, told=told, form=form)


@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, slug: str) -> HttpResponse:
    """Erase the content of a key, of an end user, or all of it."""
    inside = enter(request, slug, SET)
    form = EraseForm(request.POST if request.method == "POST" else None, slug=inside.tenant.slug)
    if form.is_valid():
        try:
            made = erase_of(inside.tenant, **form.cleaned_data, by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            calls = "1 call" if made.contents == 1 else f"{made.contents} calls"
            messages.success(request, f"The content of {calls} is erased. The erasure is on record as {made.pk}.")
            return redirect("usage:content", slug)
    return _show(request, inside, "erase", status=422 if form.errors else 200, form=form)


@require_http_methods(["GET", "POST"])
def bounds(request: HttpRequest) -> HttpResponse:
    """A form for each kind of environment; one is sent at a time, which `kind` names."""
    require_bound_setter(request.user)
    sent = posted(request, "kind", 20) if request.method == "POST" else ""
    forms = [
        BoundForm(request.POST if kind == sent else None, kind=kind, bound=bound)
        for kind, bound in bounds_by_kind().items()
    ]
    asked = next((form for form in forms if form.kind == sent), None)
    if request.method == "POST":
        if asked is None:
            raise Missing("There is no such kind of environment.")
        if asked.is_valid():
            set_bound(kind=sent, **asked.cleaned_data, by=request.user)
            messages.success(request, f"Saved for {Environment.Kind(sent).label.lower()}, in every tenant.")
            return redirect("usage:content-bounds")
    status = 422 if asked is not None and asked.errors else 200
    return render(request, "usage/bodies/bounds.html", {"forms": forms}, status=status)


def _show(request: HttpRequest, inside: Inside, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    place = context.get("place")
    framed = inside.framed("content", at=place.row if place else None)
    return render(request, f"usage/bodies/{name}.html", framed | context, status=status)
