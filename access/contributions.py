"""What access brings to other rooms' pages: who may use a model on its page, grants in a tenant's overview."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest

from access.asking import KIND
from access.models import Grant
from approvals.scoping import requests_for
from approvals.states import OPEN_STATES
from catalog import panels
from catalog.models import Model
from tenants import sections
from tenants.models import Environment, Tenant, User
from tenants.scoping import visible

MAX_SHOWN = 20


def register() -> None:
    """Called once the app is ready."""
    panels.register(panels.Panel("access.grants", "access", "access/model_panel.html", _of_model))
    sections.register_routes(_callable)
    sections.register(sections.Figure("grants", "Grants", "circle-check", _of_tenant, _page, order=10))


def _of_model(request: HttpRequest, model: Model) -> dict[str, Any] | None:
    if not isinstance(request.user, User):
        return None
    grants = visible(request.user, Grant.objects.in_force().filter(route__model=model))
    grants = grants.select_related("environment__tenant", "environment__project", "route", "decision")
    routes = [str(pk) for pk in model.routes.values_list("pk", flat=True)]
    waiting = requests_for(request.user).filter(subject_kind=KIND, state__in=OPEN_STATES, facts__route_id__in=routes)
    shown, asked = list(grants[:MAX_SHOWN]), list(waiting.select_related("requester")[:MAX_SHOWN])
    return {"grants": shown, "asked": asked} if shown or asked else None


def _of_tenant(tenant: Tenant) -> dict[UUID, int | Decimal]:
    rows = Grant.objects.in_force().filter(tenant=tenant).order_by()
    return dict(rows.values_list("environment").annotate(Count("pk")))


def _callable(environment: Environment) -> list[str]:
    grants = Grant.objects.in_force().filter(environment=environment, route__is_enabled=True)
    return list(grants.order_by("route__slug").values_list("route__slug", flat=True).distinct())


def _page(path: str) -> str:
    slug, _, rest = path.partition("/")
    return f"/tenants/{slug}/grants/?kind={rest.rpartition('/')[2]}&q={rest.partition('/')[0]}"
