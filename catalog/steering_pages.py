"""The platform team's pages: how a route's calls go, and a deployment that is drained, tried at once or described."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from catalog import steering
from catalog.authority import require_manager
from catalog.models import Deployment, Route
from catalog.steering_forms import DescribeForm, SteeringForm
from catalog.steps import address
from catalog.under_way import calls_under_way
from refusals import Refusal
from refusals.errors import Missing
from tenants.seen import ChangedMeanwhile, shown_anew
from tenants.views.entering import posted, text_of

KEPT = ("q", "show", "page", "paused")  # of the page of routing


@require_http_methods(["GET", "POST"])
def steer(request: HttpRequest, slug: str) -> HttpResponse:
    """`/platform/routing/<route>/`: policy, tiers and weights, regions, fallback and time-outs of a route."""
    require_manager(request.user)
    route = Route.objects.select_related("model", "fallback").filter(slug=slug).first()
    if route is None:
        raise Missing(f"There is no route “{slug}”.")
    form = SteeringForm(route, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            steering.steer(route=route, by=request.user, seen=form.cleaned_data["seen"], **form.steering())
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.sentence)
            if isinstance(refusal, ChangedMeanwhile):
                now = Route.objects.select_related("fallback").get(pk=route.pk)
                shown_anew(form, steering.steering_of(now).as_json())
        else:
            messages.success(request, f"Calls of “{route.slug}” go as you said, in all processes within a second.")
            return redirect("catalog:steer", route.slug)
    status = 422 if form.is_bound else 200
    context = {"route": route, "form": form, "live": address("platform-routing")}
    return render(request, "catalog/steer.html", context, status=status)


@require_http_methods(["GET", "POST"])
def describe(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/platform/deployments/<key>/`: where a deployment computes and how much it holds."""
    require_manager(request.user)
    found = _find(pk)
    form = DescribeForm.of(steering.facts_of(found), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            steering.describe(deployment=found, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.sentence)
            if isinstance(refusal, ChangedMeanwhile):
                found = _find(pk)
                shown_anew(form, steering.facts_of(found))
        else:
            messages.success(request, f"{found} is described anew.")
            return redirect("catalog:deployment", found.pk)
    status = 422 if form.is_bound else 200
    context = {
        "deployment": found,
        "form": form,
        "live": _list(request),
        "came_from": _place_in_list(request),
        "under_way": calls_under_way(found.pk),
        "alone": [] if found.drained_at else steering.served_here_alone(found),
    }
    return render(request, "catalog/deployment.html", context, status=status)


@require_POST
def drain(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send it no new calls."""
    return _done(request, pk, steering.drain, "gets no new calls; those under way end by themselves")


@require_POST
def resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send it calls again."""
    return _done(request, pk, steering.resume, "gets calls again")


@require_POST
def probe(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let the next call find out whether it is back."""
    return _done(request, pk, steering.probe, "is asked by the next call that may go there")


def _done(request: HttpRequest, pk: UUID, verb: Callable[..., Any], words: str) -> HttpResponse:
    require_manager(request.user)
    found = _find(pk)
    verb(deployment=found, by=request.user)
    messages.success(request, f"{found} {words}.")
    route = Route.objects.filter(slug=posted(request, "route", 120), targets__deployment=found).first()
    if route is not None:
        return redirect("catalog:steer", route.slug)
    return redirect(_list(request) or "catalog:providers")


def _list(request: HttpRequest) -> str:
    """The page of routing as the person left it, "" where there is none."""
    path = address("platform-routing")
    kept = _place_in_list(request)
    return f"{path}?{kept}" if path and kept else path


def _place_in_list(request: HttpRequest) -> str:
    """What was searched, filtered and turned to there, as its address had it."""
    told = posted(request, "list", 1000) or text_of(request, "list", 1000)
    return urlencode([(name, value) for name, value in parse_qsl(told) if name in KEPT])


def _find(pk: UUID) -> Deployment:
    found = Deployment.objects.select_related("provider", "version__model").filter(pk=pk).first()
    if found is None:
        raise Missing("There is no such deployment.")
    return found
