"""How a person stands with models, told to the catalog: by the grants and open requests of the tenants they work in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from access.asking import KIND
from access.models import Grant
from approvals.models import Request
from approvals.states import OPEN_STATES
from catalog.models import Model, Route
from catalog.standing import Standing
from tenants.models import Tenant, User
from tenants.scoping import tenants_for


def standing_of(viewer: User, models: Sequence[Model]) -> dict[UUID, Standing]:
    """The standing with each of `models` that is served at all: granted before pending before to be requested."""
    routes = (
        Route.objects.filter(model__in=models, is_enabled=True).order_by("slug").values_list("pk", "slug", "model_id")
    )
    model_of = {str(pk): model_id for pk, _, model_id in routes}
    told = {
        model_id: Standing("request", path=reverse("access:request", args=[slug]))
        for _, slug, model_id in reversed(routes)
    }
    if not told:
        return {}
    mine = _tenants(viewer).values("pk")
    pending = Request.objects.filter(subject_kind=KIND, state__in=OPEN_STATES, tenant__in=mine)
    for request in pending.filter(facts__route_id__in=list(model_of)).only("number", "facts"):
        told[model_of[request.facts["route_id"]]] = Standing("pending", path=request.get_absolute_url())
    held: dict[UUID, list[str]] = defaultdict(list)
    grants = Grant.objects.in_force().filter(tenant__in=mine, route__in=list(model_of))
    for grant in grants.select_related("environment__tenant", "environment__project").order_by("granted_at"):
        held[model_of[str(grant.route_id)]].append(grant.environment.path)
    for model_id, paths in held.items():
        told[model_id] = Standing("granted", tuple(dict.fromkeys(paths)))
    return told


def granted_models(viewer: User) -> QuerySet[Any, Any]:
    """The keys of the models that some environment of the viewer's tenants may call."""
    grants = Grant.objects.in_force().filter(tenant__in=_tenants(viewer).values("pk"), route__is_enabled=True)
    return grants.values_list("route__model_id", flat=True).distinct()


def _tenants(viewer: User) -> QuerySet[Tenant]:
    return tenants_for(viewer, "tenants.use_models").order_by()
