"""What access brings to other rooms' pages: who may use a model on its page, grants in a tenant's overview."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from access.asking import KIND
from access.key_reach import demands, with_reach
from access.models import EXPIRING_WITHIN, Grant
from access.onboarding.under_way import waiting_for
from approvals.scoping import requests_for
from approvals.states import OPEN_STATES
from catalog import panels
from catalog.models import Model
from tenants import sections
from tenants.cards import told
from tenants.key_reach import register_demands, register_reach
from tenants.models import Environment, Tenant, User
from tenants.scoping import visible
from ui.places import Card, register_card

MAX_SHOWN = 20
MAX_LAPSING = 5


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("access.onboarding", 9, "access/onboarding/home_card.html", _new_team, part="work"))
    register_card(Card("access.lapsing", 12, "access/lapsing_card.html", _lapsing))
    panels.register(panels.Panel("access.grants", "access", "access/model_panel.html", _of_model))
    sections.register_routes(_callable)
    register_reach(with_reach)
    register_demands(demands)
    sections.register(sections.Figure("grants", "Grants", "circle-check", _of_tenant, _page, order=10))


def _new_team(request: HttpRequest) -> dict[str, Any] | None:
    return told(request, "waiting", waiting_for)


def _lapsing(request: HttpRequest) -> dict[str, Any] | None:
    """Grants that end within two weeks, for who may ask for them again; None when there is none."""
    if not isinstance(request.user, User):
        return None
    ending = Grant.objects.in_force().filter(
        expires_at__lte=timezone.now() + EXPIRING_WITHIN, route__is_enabled=True, environment__project__archived_at=None
    )
    rows = visible(request.user, ending, "tenants.request_access").order_by("expires_at")
    shown = list(rows.select_related("route__model", "environment__project", "environment__tenant")[:MAX_LAPSING])
    return {"lapsing": shown} if shown else None


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
