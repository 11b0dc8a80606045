"""The page of one model, a tab at a time: what it is, who serves it, what it costs, who may use it, what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from catalog import figures, panels, pricing_chart, snippets, standing, steps, volumes
from catalog.cards import pages as cards
from catalog.lifecycle import pages as lifecycle
from catalog.missing import find_model
from catalog.models import Deployment, Model, ModelVersion, Route, RouteTarget
from catalog.vocabulary import OFFERS
from tenants.models import User

SET_PRICES = "usage.manage_prices"
SET_LIMITS = "usage.manage_limits"
TABS = {
    "overview": "Overview",
    "card": "Card",
    "lifecycle": "Lifecycle",
    "deployments": "Deployments",
    "prompts": "Prompts",
    "pricing": "Pricing",
    "access": "Access",
    "usage": "Usage",
    "changes": "Changes",
}


@require_GET
def model(request: HttpRequest, slug: str) -> HttpResponse:
    """`/catalog/models/<slug>/?tab=…`. The first route is the one that the viewer gets furthest with."""
    found = find_model(slug)
    if found.slug != slug:
        return redirect(found)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "overview"
    prefetch_related_objects([found], "routes")
    routes = list(found.routes.all())
    routes.sort(key=lambda route: (not route.is_enabled, len(route.slug), route.slug))
    by_route = standing.standing_of_routes(cast("User", request.user), routes)
    stands = standing.furthest(by_route[route.pk] for route in routes)
    routes.sort(key=lambda route: by_route[route.pk].kind != stands.kind)
    may_manage = request.user.has_perm("catalog.manage_catalog")
    context = {
        "model": found,
        "tab": tab,
        "tabs": TABS,
        "routes": routes,
        "standings": [(route, by_route[route.pk]) for route in routes],
        "standing": stands,
        "step": steps.next_step(found, routes, stands, may_manage=may_manage),
        "may_manage": may_manage,
        **_TAB_CONTEXT[tab](request, found, routes, stands),
    }
    return render(request, "catalog/model.html", context)


def _overview(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    versions = found.versions.prefetch_related(Prefetch("deployments", Deployment.objects.filter(gone_at=None)))
    served = next((route for route in routes if route.is_enabled), None)
    return {
        "facts": list(found.facts.all()),
        "versions": [version for version in versions if _is_listed(version)],
        "snippets": snippets.of(served.slug, settings.PUBLIC_URL) if served and stands.kind == "granted" else [],
    }


def _is_listed(version: ModelVersion) -> bool:
    return bool(version.deployments.all()) or version.released_on is not None


def _card(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    return cards.shown(request, found)


def _lifecycle(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    return lifecycle.shown(request, found)


def _deployments(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    offers = _offers(found)
    prices, now = figures.price_history(offers), timezone.now()
    rows: list[dict[str, Any]] = [
        {
            "deployment": each,
            "price": next((period for period in prices.get(each.pk, []) if period.holds_at(now)), None),
            "offer": OFFERS.get(each.offer, each.offer),
            "is_serving": each.is_serving,
        }
        for each in offers
    ]
    rows.sort(key=lambda row: (not row["is_serving"], row["deployment"].provider.name, row["deployment"].upstream_name))
    limits = steps.address("usage:capacity", found.slug) if request.user.has_perm(SET_LIMITS) else ""
    return {"rows": rows, "price_addresses": _price_addresses(request, offers), "limits_address": limits}


def _pricing(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    offers = _offers(found)
    history = figures.price_history(offers)
    own = figures.volume(request.user, found)  # type: ignore[arg-type]
    asked = volumes.read(request.GET, own)
    now = timezone.now()
    in_force = [(each, period) for each in offers for period in history.get(each.pk, []) if period.holds_at(now)]
    return {
        "own": own,
        "asked": asked,
        "costs": volumes.costs(asked, in_force),
        "periods": [
            (each, period, period.since > now, period.holds_at(now))
            for each in offers
            for period in history.get(each.pk, [])
        ],
        "price_addresses": _price_addresses(request, offers),
        "chart": pricing_chart.draw(offers, history, now),
        "notes": [each for each in offers if each.price_notes],
        "unpriced": [each for each in offers if each.pk not in history],
    }


def _access(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    return {"panels": panels.shown(request, "access", found)}


def _prompts(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    return {"panels": panels.shown(request, "prompts", found)}


def _usage(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    return {
        "volume": figures.volume(request.user, found),  # type: ignore[arg-type]
        "panels": panels.shown(request, "usage", found),
        "usage_addresses": [(route, steps.address("usage:overview", route=route.slug)) for route in routes],
    }


def _changes(request: HttpRequest, found: Model, routes: list[Route], stands: standing.Standing) -> dict[str, Any]:
    matters = request.GET.get("matters") == "1"
    rows = found.changes.select_related("version")
    return {"changes": (rows.filter(matters=True) if matters else rows)[:200], "matters": matters}


def _price_addresses(request: HttpRequest, offers: list[Deployment]) -> list[tuple[Deployment, str]]:
    """Where who may do so sets the price of each offer."""
    if not request.user.has_perm(SET_PRICES):
        return []
    return [(each, path) for each in offers if (path := steps.address("usage:set-price", each.pk))]


def _offers(found: Model) -> list[Any]:
    """The deployments of a model, each with `is_serving`: whether a route leads to it."""
    targets = RouteTarget.objects.filter(deployment=OuterRef("pk"), route__model=found, route__is_enabled=True)
    return list(
        Deployment.objects.filter(version__model=found, gone_at=None)
        .annotate(is_serving=Exists(targets))
        .select_related("provider", "version")
        .order_by("provider__name", "upstream_name")
    )


_TAB_CONTEXT: dict[str, Callable[..., dict[str, Any]]] = {
    "overview": _overview,
    "card": _card,
    "lifecycle": _lifecycle,
    "deployments": _deployments,
    "prompts": _prompts,
    "pricing": _pricing,
    "access": _access,
    "usage": _usage,
    "changes": _changes,
}
