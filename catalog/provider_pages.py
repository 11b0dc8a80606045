"""The platform team's pages: a provider, what it serves, and publishing it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from catalog import figures, health, lexical, providers, publishing, served, shelf
from catalog.authority import require_manager
from catalog.dialects import usual_for
from catalog.forms import CredentialForm, EndpointForm, PublishForm
from catalog.loopback import LOOPBACK
from catalog.models import Deployment, Model, Provider, Route, RouteTarget
from catalog.steering_forms import ProviderFactsForm
from refusals import Refusal
from refusals.errors import Missing
from tenants.seen import ChangedMeanwhile, shown_anew

MOST_OFFERED = 20


@sensitive_post_parameters("credential")
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """`/platform/providers/connect/?provider=<slug>`: an endpoint, tested before it is kept; with `?of_kind=1` what the
    kind `?dialect=` wants."""
    require_manager(request.user)
    if "of_kind" in request.GET:
        form = EndpointForm(initial={"dialect": request.GET.get("dialect", "")})
        return render(request, "catalog/provider_connect.html#of_kind", {"kind": form.chosen})
    listed = Provider.objects.filter(slug=request.GET.get("provider", "")).first()
    start = {"name": listed.name, "dialect": usual_for(listed.slug)} if listed else {}
    form = EndpointForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        slug = listed.slug if listed else ""
        if found := _tried(form, lambda: providers.connect(**form.cleaned_data, slug=slug, by=request.user)):
            messages.success(request, f"{found.name} is connected: it {found.test_result}.")
            return redirect("catalog:provider", found.slug)
    status = 422 if form.is_bound else 200
    context = {"form": form, "listed": listed, "kind": form.chosen}
    return render(request, "catalog/provider_connect.html", context, status=status)


@require_POST
def connect_suggested(request: HttpRequest, slug: str) -> HttpResponse:
    """Connect with the key in the environment."""
    require_manager(request.user)
    found = providers.connect_suggested(slug=slug, by=request.user)
    messages.success(request, f"{found.name} is connected: it {found.test_result}.")
    return redirect("catalog:provider", found.slug)


@require_GET
def provider(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """`/platform/providers/<slug>/`; with `?models=1` the endpoint is asked what it serves, and nothing noted."""
    require_manager(request.user)
    found = _find(slug)
    context = _context(found)
    if found.is_connected and request.GET.get("models"):
        try:
            asked = served.ask(request.GET)
            answer = providers.ask(found)
            names = answer.models
            if request.GET.get("format") == "csv":
                exported(request, f"models of {found.slug}")
                return served.as_csv(found, names, asked)
            context["tells_none"] = answer.told is None
            context |= served.page_of(found, names, asked, request.GET.get("page"))
        except Refusal as refusal:
            context["trouble"] = refusal
    return render(request, "catalog/provider.html", context)


def _context(found: Provider) -> dict[str, Any]:
    return {
        "provider": found,
        "credential_form": CredentialForm(),
        "facts_form": ProviderFactsForm.of(providers.facts_of(found)),
        "targets": _targets(found),
    }


def _targets(found: Provider) -> list[RouteTarget]:
    rows = RouteTarget.objects.filter(deployment__provider=found)
    return list(rows.select_related("route__model", "deployment__version").order_by("route__slug"))


@require_POST
def describe(request: HttpRequest, slug: str) -> HttpResponse:
    """Say where it computes, and which classes of data it may see."""
    require_manager(request.user)
    found = _find(slug)
    form = ProviderFactsForm(request.POST)
    if form.is_valid():
        try:
            providers.describe(provider=found, by=request.user, **form.cleaned_data)
        except ChangedMeanwhile as refusal:
            form.add_error(None, refusal.sentence)
            found = _find(slug)
            shown_anew(form, providers.facts_of(found))
        else:
            messages.success(request, f"{found.name} is described anew, in all processes within a second.")
            return redirect("catalog:provider", found.slug)
    return render(request, "catalog/provider.html", _context(found) | {"facts_form": form}, status=422)


@require_POST
def test(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the endpoint again, and note the health of what it serves."""
    require_manager(request.user)
    found = _find(slug)
    try:
        answer = health.test(provider=found, by=request.user)
        messages.success(request, f"{found.name} {answer.sentence}.")
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("catalog:provider", found.slug)


@sensitive_post_parameters("credential")
@require_POST
def replace_credential(request: HttpRequest, slug: str) -> HttpResponse:
    """Put another credential in place, once it works."""
    require_manager(request.user)
    found = _find(slug)
    form = CredentialForm(request.POST)
    if form.is_valid():
        credential = form.cleaned_data["credential"]
        if _tried(form, lambda: providers.replace_credential(provider=found, credential=credential, by=request.user)):
            messages.success(request, "The new credential works and is in place.")
            return redirect("catalog:provider", found.slug)
    return render(request, "catalog/provider.html", _context(found) | {"credential_form": form}, status=422)


@require_POST
def disconnect(request: HttpRequest, slug: str) -> HttpResponse:
    """Forget the endpoint and its credential."""
    require_manager(request.user)
    found = _find(slug)
    off = providers.disconnect(provider=found, by=request.user)
    messages.success(request, f"{found.name} is disconnected; {off} route{'' if off == 1 else 's'} turned off.")
    return redirect("catalog:providers")


@require_http_methods(["GET", "POST"])
def publish(request: HttpRequest, slug: str) -> HttpResponse:
    """`/platform/providers/<slug>/publish/?upstream=…`: a deployment, its route and its price."""
    require_manager(request.user)
    found = _find(slug)
    if "offered" in request.GET:
        return render(request, "catalog/publish.html#offered", {"offered": _offered(request.GET.get("model", ""))})
    start = _likely(found, request.GET.get("upstream", ""))
    form = PublishForm(request.POST or None, initial=start)
    chosen = Model.objects.filter(slug=request.POST.get("model", start["model"]) or "-").first()
    if chosen is not None:
        form.hint(chosen)
    if request.method == "POST" and form.is_valid() and (route := _tried(form, lambda: _publish(found, form, request))):
        messages.success(request, f"“{route.slug}” is published and can be requested now.")
        return redirect(route.model)
    status = 422 if form.is_bound else 200
    return render(
        request,
        "catalog/publish.html",
        {"form": form, "provider": found, "offered": _offered(start["model"])},
        status=status,
    )


def _publish(found: Provider, form: PublishForm, request: HttpRequest) -> Route:
    said = dict(form.cleaned_data)
    rate = publishing.Rate(said.pop("input_per_million"), said.pop("output_per_million"))
    return publishing.publish(provider=found, rate=rate, by=request.user, **said)


def _offered(text: str) -> list[Model]:
    """The models of the catalog that `text` names, the best first, to choose from while typing."""
    text = text.strip().casefold()[:80]
    if not text:
        return []
    held = shelf.present()
    begins = [
        p for p, item in enumerate(held.items) if item.slug.startswith(text) or item.name.casefold().startswith(text)
    ]
    named = dict.fromkeys([*begins, *lexical.find(held, text)])  # each once
    keys = [held.items[position].pk for position in islice(named, MOST_OFFERED)]
    found = Model.objects.defer("embedding", "search_vector").in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _likely(found: Provider, upstream: str) -> dict[str, Any]:
    """The form filled in from what the catalog knows of this name."""
    upstream = upstream[:200]
    model = publishing.likely_model(found, upstream) if upstream else None
    start: dict[str, Any] = {
        "upstream": upstream,
        "model": model.slug if model else "",
        "slug": model.slug if model else "",
    }
    if found.is_loopback and model is None:  # it costs nothing unless somebody says so
        start |= {"slug": LOOPBACK, "input_per_million": 0, "output_per_million": 0}
    if model is not None and model.input_price is not None and model.output_price is not None:
        start |= {"input_per_million": model.input_price, "output_per_million": model.output_price}
    deployment = Deployment.objects.filter(provider=found, upstream_name=upstream).first()
    now = timezone.now()
    for period in figures.price_history([deployment]).get(deployment.pk, []) if deployment else []:
        if period.holds_at(now):
            start |= {"input_per_million": period.input_per_million, "output_per_million": period.output_per_million}
    return start


@require_POST
def switch_route(request: HttpRequest, slug: str) -> HttpResponse:
    """Turn a route on or off (`to=on`, `to=off`)."""
    require_manager(request.user)
    route = Route.objects.filter(slug=slug).select_related("model").first()
    if route is None:
        raise Missing(f"There is no route “{slug}”.")
    is_on = request.POST.get("to") == "on"
    (publishing.enable_route if is_on else publishing.disable_route)(route=route, by=request.user)
    messages.success(request, f"The route “{route.slug}” is {'on' if is_on else 'off'}.")
    back = request.POST.get("provider", "")
    return redirect("catalog:provider", back) if Provider.objects.filter(slug=back).exists() else redirect(route.model)


def _find(slug: str) -> Provider:
    found = Provider.objects.filter(slug=slug).first()
    if found is None:
        raise Missing(f"There is no provider “{slug}”.")
    return found


def _tried(form: forms.Form, verb: Any) -> Any:
    """What `verb` answers, or None with its refusal put beside the field it is about."""
    try:
        return verb()
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.sentence)
    return None
