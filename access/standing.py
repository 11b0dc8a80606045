"""How a person stands with models, told to the catalog: by the grants and open requests of where they
may call models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from access.asking import KIND, environments_to_ask_for
from access.models import Grant
from approvals.models import Request
from approvals.states import OPEN_STATES
from catalog.models import Model, Route
from catalog.standing import Standing, furthest
from tenants.models import User
from tenants.scoping import visible

USE = "tenants.use_models"
ROUTE_COLUMNS = ("slug", "model_id", "is_enabled")


def standing_of_routes(viewer: User, routes: Sequence[Route]) -> dict[UUID, Standing]:
    """The standing with each of `routes` that is on, by key; of a granted one `path` is where more can be asked for."""
    told = _by_route(viewer, routes)
    asking = {environment.path for environment in environments_to_ask_for(viewer)}
    return {
        key: replace(each, path="") if each.kind == "granted" and asking <= set(each.environments) else each
        for key, each in told.items()
    }


def standing_of(viewer: User, models: Sequence[Model]) -> dict[UUID, Standing]:
    """The standing with each of `models` that is served at all: that of the route of it that went furthest."""
    routes = list(Route.objects.filter(model__in=models, is_enabled=True).order_by("slug").only(*ROUTE_COLUMNS))
    by_route = _by_route(viewer, routes)
    by_model: dict[UUID, list[Standing]] = defaultdict(list)
    for route in routes:
        by_model[route.model_id].append(by_route[route.pk])
    return {model_id: furthest(standings) for model_id, standings in by_model.items()}


def _by_route(viewer: User, routes: Sequence[Route]) -> dict[UUID, Standing]:
    """Granted before pending before to be requested; `path` is where access is asked for, or was."""
    on = {route.pk: route for route in routes if route.is_enabled}
    told = {key: Standing("request", path=reverse("access:request", args=[route.slug])) for key, route in on.items()}
    if not told:
        return {}
    pending = visible(viewer, Request.objects.filter(subject_kind=KIND, state__in=OPEN_STATES), USE)
    for request in pending.filter(facts__route_id__in=[str(key) for key in on]).only("number", "facts"):
        told[UUID(request.facts["route_id"])] = Standing("pending", path=request.get_absolute_url())
    held: dict[UUID, list[str]] = defaultdict(list)
    grants = visible(viewer, Grant.objects.in_force().filter(route__in=list(on)), USE)
    for grant in grants.select_related("environment__tenant", "environment__project").order_by("granted_at"):
        held[grant.route_id].append(grant.environment.path)
    for key, paths in held.items():
        told[key] = Standing("granted", tuple(paths), reverse("access:request", args=[on[key].slug]))
    return told


def granted_models(viewer: User) -> QuerySet[Any, Any]:
    """The keys of the models that some environment in which the viewer may call models was granted."""
    grants = visible(viewer, Grant.objects.in_force().filter(route__is_enabled=True), USE)
    return grants.values_list("route__model_id", flat=True).distinct()
